/**
 * Maps of a whole image: the passes of nets, scales and flips, interpolated and averaged. The class map is where the dense view sees
 * a class (section 3.2): the scores that evaluation averages.
 */
import { slice, softmax, type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { flip, type RawImage, resample, rescaledSize, type Size } from '@vgg/data';
import { checkArea, MAX_IMAGE_PIXELS } from './limits';
import { type ClassMap, checkClassIndex, checkFinite, type MapMethod, mapOf } from './map';
import { type Classifier, checkPlan, type EvaluatedNet, inputSides } from './protocol';
import { normalise } from './score';

/** Options of {@link classMap}. */
export interface ClassMapOptions<Model extends Classifier = Classifier> {
  /** Nets whose maps are averaged. */
  readonly nets: readonly EvaluatedNet<Model>[];
  readonly image: RawImage;
  /** Index of the class. */
  readonly classIndex: number;
  /** Every Q, in pixels; the maps are averaged. The larger Q, the finer the map: nets of the paper have a position every 32 pixels. */
  readonly scales: readonly number[];
  /** True if the map is averaged with the map of the flipped image, flipped again. Default true. */
  readonly flips?: boolean | undefined;
  /** Number of points along the longer side of the result. Default 64. */
  readonly resolution?: number | undefined;
  /** Name of the image in errors. Default `the image`. */
  readonly key?: string | undefined;
  /** Same as in `evaluate`. */
  readonly maxImagePixels?: number | undefined;
}

/** Values of one class at the positions of one pass. */
export interface Positions {
  readonly columns: number;
  readonly rows: number;
  readonly data: Float32Array;
  /** Size of the window in pixels that the value of a position describes. */
  readonly window: Size;
  /** Number of pixels between two positions. */
  readonly stride: number;
}

/** Computes one pass from a net's input, [1, height, width, channels], which it does not dispose. */
export type Pass<Model extends Classifier> = (
  net: EvaluatedNet<Model>,
  input: Tensor4D,
  classIndex: number,
) => Promise<Positions>;

/** Returns the number of pixels between two positions: every max-pool doubles it, and the nets of the paper have five. */
export function strideOf({ options: { configuration } }: Pick<EvaluatedNet['model'], 'options'>): number {
  if (!Array.isArray(configuration)) return 32;
  return 2 ** configuration.filter((entry) => entry === 'pool' || entry === 'M').length;
}

/** Returns the pass of the class map: the posterior at every position of the dense view. */
export async function densePosterior({ model }: EvaluatedNet, input: Tensor4D, index: number): Promise<Positions> {
  const posterior = tidy(() => slice(softmax(model.dense(input).scores), [0, 0, 0, index], [1, -1, -1, 1]) as Tensor4D);
  try {
    const [, rows, columns] = posterior.shape;
    const data = (await posterior.data()) as Float32Array;
    return { rows, columns, data, window: inputSides(model), stride: strideOf(model) };
  } finally {
    posterior.dispose();
  }
}

/**
 * Returns the two positions around `at` (in pixels of the rescaled image), and the place of `at` between them from 0 (at
 * `low`) to 1 (at `high`).
 */
function between(at: number, count: number, side: number, stride: number): [low: number, high: number, part: number] {
  const place = Math.min(Math.max((at - side / 2) / stride, 0), count - 1);
  const low = Math.min(Math.floor(place), Math.max(count - 2, 0));
  return [low, Math.min(low + 1, count - 1), place - low];
}

/** Adds a pass to the map, interpolated between the centres of the windows that the net evaluated. */
function addPass(
  map: Pick<ClassMap, 'width' | 'height' | 'data'>,
  pass: Positions,
  size: Size,
  { flipped, share }: { flipped: boolean; share: number },
): void {
  const { width, height, data } = map;
  const { window, stride } = pass;
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = between(((y + 0.5) / height) * size.height, pass.rows, window.height, stride);
    for (let x = 0; x < width; x++) {
      const from = flipped ? width - 1 - x : x;
      const [left, right, along] = between(((from + 0.5) / width) * size.width, pass.columns, window.width, stride);
      const row = (r: number) =>
        pass.data[r * pass.columns + left]! * (1 - along) + pass.data[r * pass.columns + right]! * along;
      data[y * width + x]! += share * (row(top) * (1 - down) + row(bottom) * down);
    }
  }
}

/**
 * Averages the passes of every net, scale and flip over an image.
 * @throws VggError as {@link classMap}.
 */
export async function averageMap<Model extends Classifier>(
  method: MapMethod,
  pass: Pass<Model>,
  {
    nets,
    image,
    classIndex,
    scales,
    flips = true,
    resolution = 64,
    key = 'the image',
    maxImagePixels = MAX_IMAGE_PIXELS,
  }: ClassMapOptions<Model>,
): Promise<ClassMap> {
  checkPlan({ nets: nets.map((net) => ({ ...net, scales })), protocols: ['dense'], scales, flips });
  checkClassIndex(classIndex, nets[0]!.model.options.classes);
  if (!Number.isInteger(resolution) || resolution < 1 || resolution > 4096) {
    throw new VggError('argument', `expected a resolution from 1 to 4096, got ${resolution}`);
  }
  checkArea(key, image, scales, maxImagePixels);
  const shrink = resolution / Math.max(image.width, image.height);
  const width = Math.max(1, Math.round(image.width * shrink));
  const height = Math.max(1, Math.round(image.height * shrink));
  const map = { width, height, data: new Float32Array(width * height) };
  const share = 1 / (nets.length * scales.length * (flips ? 2 : 1));
  for (const scale of scales) {
    const original = resample(image, rescaledSize(image, scale));
    for (const net of nets) {
      for (const flipped of flips ? [false, true] : [false]) {
        const { data, width, height } = flipped ? flip(original) : original;
        const input = tidy(() => normalise(net, tensor4d(data, [1, height, width, 3])));
        const positions = await pass(net, input, classIndex).finally(() => input.dispose());
        checkFinite(positions.data, `net ${net.name}`, key);
        addPass(map, positions, original, { flipped, share });
      }
    }
  }
  return mapOf({ ...map, method, classIndex });
}

/**
 * Computes the posterior of one class at every place of an image: the dense view's map, interpolated bilinearly between
 * the centres of the windows that the net evaluates, averaged over nets, scales and flips.
 *
 * @throws VggError `VGG_ARGUMENT` for a plan that cannot be executed or a class that the nets do not have, `VGG_IMAGE` when
 *   the image is above `maxImagePixels`, `VGG_NON_FINITE` when a net returns NaN.
 */
export function classMap(options: ClassMapOptions): Promise<ClassMap> {
  return averageMap('class-map', densePosterior, options);
}
