/** Where in an image the dense view sees a class (section 3.2): the map that evaluation averages, laid over the image. */
import { slice, softmax, type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { type FloatImage, flip, type RawImage, resample, rescaledSize } from '@vgg/data';
import { checkArea, MAX_IMAGE_PIXELS } from './limits';
import { checkPlan, type EvaluatedNet } from './protocol';
import { normalised } from './score';

export interface ClassMapOptions {
  /** Several are averaged. */
  readonly nets: readonly EvaluatedNet[];
  readonly image: RawImage;
  /** The class whose posterior is wanted, from 0 on. */
  readonly classIndex: number;
  /** Every Q, in pixels; the maps are averaged. The larger Q, the finer the map: it has a position every 32 pixels. */
  readonly scales: readonly number[];
  /** Average with the map of the mirrored image, mirrored back. Default true. */
  readonly flips?: boolean;
  /** Points along the longer side of the result. Default 64. */
  readonly resolution?: number;
  /** What errors call the image. Default `the image`. */
  readonly key?: string;
  /** As in `evaluate`. */
  readonly maxImagePixels?: number;
}

/** The posterior of one class over an image. */
export interface ClassMap {
  readonly width: number;
  readonly height: number;
  /** `[height, width]`, 0 to 1: the centre of point (x, y) lies at ((x + 0.5) / width, (y + 0.5) / height) of the image. */
  readonly data: Float32Array;
}

/** The posteriors of one class at the positions of one dense pass. */
interface Positions {
  readonly columns: number;
  readonly rows: number;
  readonly data: Float32Array;
}

/** Pixels between two positions: five pools of 2. */
const STRIDE = 32;

async function densePosterior(net: EvaluatedNet, image: FloatImage, index: number): Promise<Positions> {
  const { data, width, height } = image;
  const posterior = tidy(() => {
    const { scores } = net.model.dense(normalised(net, tensor4d(data, [1, height, width, 3])));
    return slice(softmax(scores), [0, 0, 0, index], [1, -1, -1, 1]) as Tensor4D;
  });
  try {
    const [, rows, columns] = posterior.shape;
    return { rows, columns, data: (await posterior.data()) as Float32Array };
  } finally {
    posterior.dispose();
  }
}

/** The two positions about `at` (in pixels of the rescaled image) and how far it lies from the first to the second. */
function between(at: number, count: number, inputSize: number): [low: number, high: number, part: number] {
  const place = Math.min(Math.max((at - inputSize / 2) / STRIDE, 0), count - 1);
  const low = Math.min(Math.floor(place), Math.max(count - 2, 0));
  return [low, Math.min(low + 1, count - 1), place - low];
}

/** Adds a pass to the map: each point takes what lies about it, the windows' centres being where the net looked. */
function addPass(
  map: ClassMap,
  pass: Positions,
  size: FloatImage,
  inputSize: number,
  mirrored: boolean,
  share: number,
) {
  const { width, height, data } = map;
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = between(((y + 0.5) / height) * size.height, pass.rows, inputSize);
    for (let x = 0; x < width; x++) {
      const from = mirrored ? width - 1 - x : x;
      const [left, right, along] = between(((from + 0.5) / width) * size.width, pass.columns, inputSize);
      const row = (r: number) =>
        pass.data[r * pass.columns + left]! * (1 - along) + pass.data[r * pass.columns + right]! * along;
      data[y * width + x]! += share * (row(top) * (1 - down) + row(bottom) * down);
    }
  }
}

/**
 * The posterior of one class at every place of an image: the dense view's map, bilinear between the centres of the windows
 * that the net looked through, averaged over nets, scales and flips.
 *
 * @throws VggError `VGG_ARGUMENT` for a plan that cannot be carried out or a class that the nets do not have, `VGG_IMAGE`
 *   when the image is above `maxImagePixels`, `VGG_NON_FINITE` when a net gives NaN.
 */
export async function classMap({
  nets,
  image,
  classIndex,
  scales,
  flips = true,
  resolution = 64,
  key = 'the image',
  maxImagePixels = MAX_IMAGE_PIXELS,
}: ClassMapOptions): Promise<ClassMap> {
  checkPlan({ nets, protocols: ['dense'], scales, flips });
  const { classes } = nets[0]!.model.options;
  if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= classes) {
    throw new VggError('argument', `expected a class from 0 to ${classes - 1}, got ${classIndex}`);
  }
  if (!Number.isInteger(resolution) || resolution < 1 || resolution > 4096) {
    throw new VggError('argument', `expected a resolution from 1 to 4096, got ${resolution}`);
  }
  checkArea(key, image, scales, maxImagePixels);
  const shrink = resolution / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * shrink)));
  const map: ClassMap = { width: width!, height: height!, data: new Float32Array(width! * height!) };
  const share = 1 / (nets.length * scales.length * (flips ? 2 : 1));
  for (const scale of scales) {
    const rescaled = resample(image, rescaledSize(image, scale));
    for (const net of nets) {
      for (const mirrored of flips ? [false, true] : [false]) {
        const pass = await densePosterior(net, mirrored ? flip(rescaled) : rescaled, classIndex);
        if (!pass.data.every(Number.isFinite)) {
          throw new VggError('nonFinite', `net ${net.name} gives class scores that are not finite for ${key}`);
        }
        addPass(map, pass, rescaled, net.model.options.inputSize, mirrored, share);
      }
    }
  }
  return map;
}
