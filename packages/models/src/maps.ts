/** Vectors of feature maps, the input of classifiers and nearest-neighbour search. Differentiable. */
import { mean, reshape, type Tensor, type Tensor2D, type Tensor4D, tidy, transpose } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

function checkMap(map: Tensor, caller: string): asserts map is Tensor4D {
  if (map.rank === 4 && map.size > 0) return;
  throw new VggError(
    'shape',
    `${caller} expected a feature map [n, height, width, channels], got [${map.shape}]: take it from features() or dense()`,
  );
}

/**
 * Returns the mean over all positions of a feature map [n, height, width, channels]: [n, channels].
 *
 * @throws VggError `VGG_SHAPE` for a tensor of another rank or an empty one.
 */
export function globalAverage(map: Tensor): Tensor2D {
  checkMap(map, 'globalAverage()');
  return mean(map, [1, 2]);
}

/**
 * Returns a feature map [n, height, width, channels] as vectors [n, height · width · channels].
 *
 * @param order order of the numbers, slowest axis first: `HWC` is rows, columns, channels, the order of fc6's inputs;
 *   `CHW` is channels, rows, columns, the order of `torch.flatten`. Default `HWC`.
 * @throws VggError `VGG_SHAPE` for a tensor of another rank or an empty one.
 */
export function flatten(map: Tensor, order: 'HWC' | 'CHW' = 'HWC'): Tensor2D {
  checkMap(map, 'flatten()');
  const count = map.shape[0];
  return tidy(() => reshape(order === 'HWC' ? map : transpose(map, [0, 3, 1, 2]), [count, map.size / count]));
}
