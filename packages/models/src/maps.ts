/** From feature maps to vectors: what classifiers and nearest neighbours take. Differentiable. */
import { mean, reshape, type Tensor, type Tensor2D, type Tensor4D, tidy, transpose } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

function checkMap(map: Tensor, what: string): asserts map is Tensor4D {
  if (map.rank === 4 && map.size > 0) return;
  throw new VggError(
    'shape',
    `${what} expected a feature map [n, height, width, channels], got [${map.shape}]: take it from features() or dense()`,
  );
}

/**
 * The mean over all positions of a feature map [n, height, width, channels]: [n, channels].
 *
 * @throws VggError `VGG_SHAPE` for a tensor of another rank or an empty one.
 */
export function globalAverage(map: Tensor): Tensor2D {
  checkMap(map, 'globalAverage()');
  return mean(map, [1, 2]);
}

/**
 * A feature map [n, height, width, channels] as vectors [n, height · width · channels].
 *
 * @param order what runs slowest to fastest: `HWC` rows, columns, channels, as fc6's weight counts its inputs; `CHW`
 *   channels, rows, columns, as `torch.flatten` does it.
 * @throws VggError `VGG_SHAPE` for a tensor of another rank or an empty one.
 */
export function flatten(map: Tensor, order: 'HWC' | 'CHW' = 'HWC'): Tensor2D {
  checkMap(map, 'flatten()');
  const count = map.shape[0];
  return tidy(() => reshape(order === 'HWC' ? map : transpose(map, [0, 3, 1, 2]), [count, map.size / count]));
}
