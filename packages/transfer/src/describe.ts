/** Descriptors of images by the rule of Appendix B, with a net that has its own preprocessing. */
import { type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { isVggError, requireInteger, VggError, yieldToEventLoop } from '@vgg/core';
import { type FloatImage, greyOf, type ImageTransform, prepareWhole, type RawImage, rescaledSize } from '@vgg/data';
import { type Configuration, type DescriptorOptions, descriptor, type Vgg } from '@vgg/models';
import type { Descriptors } from './descriptors';
import { type DescriptorRule, MAX_SCALE, ruleFault } from './rule';

/** Net with its preprocessing, as `loadNet` of `@vgg/weights` returns it. */
export interface DescribingNet {
  readonly model: Vgg<Configuration>;
  readonly transform: ImageTransform | undefined;
}

/** Image to describe. */
export interface DescribedItem {
  /** Name of the image in messages. */
  readonly key: string;
  /** Returns the hash of its content, by which its descriptor is kept. */
  hash(): string;
  /** Decodes it at its full size. @throws VggError `VGG_IMAGE` when the image cannot be used. */
  load(): Promise<RawImage>;
}

/** Descriptors that were computed before, by the hashes of the images. */
export interface DescriptorCache {
  get(hash: string): Float32Array | undefined;
  add(entries: readonly (readonly [hash: string, row: Float32Array])[]): void;
}

/** Options of {@link describeImages}. */
export interface DescribeOptions extends DescriptorRule {
  readonly cache?: DescriptorCache | undefined;
  /** True if an image that cannot be used is an error. Default false: it is skipped. */
  readonly strict?: boolean | undefined;
  /** Largest number of pixels of one forward pass; a single image may have more, up to 2^24. Default 2^20. */
  readonly batchPixels?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of images that are done: described, known from the cache, or skipped. */
  readonly onProgress?: ((images: number) => void) | undefined;
}

/** Descriptors of images. */
export interface DescribedImages {
  readonly descriptors: Descriptors;
  /** Number of the image for each row: images that cannot be used have none. */
  readonly items: Uint32Array;
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
  /** Number of descriptors that came from the cache. */
  readonly known: number;
}

/** Default of the largest number of pixels in one forward pass: about half a GB of activations for a net of full width. */
const BATCH_PIXELS = 2 ** 20;
/** Number of pixels that are prepared before their forward passes: 12 bytes each. */
const WAITING_PIXELS = 2 ** 23;
/** Largest number of pixels of a rescaled image. */
const MAX_PIXELS = MAX_SCALE ** 2;
/** Number of images that are decoded at once. */
const AHEAD = 4;

/** Returns the net's transform. @throws VggError `VGG_ARGUMENT` if it has none. */
function transformOf({ transform }: DescribingNet): ImageTransform {
  if (transform !== undefined) return transform;
  throw new VggError('argument', 'the preprocessing of the net is not known: load it with its preprocessing');
}

/** Returns the scales of a rule. @throws VggError `VGG_ARGUMENT` for a rule that is not valid. */
export function scalesOf(net: DescribingNet, rule: DescriptorRule): readonly number[] {
  const { scales = [transformOf(net).scale], tap, flip, combination } = rule;
  const fault = ruleFault({ scales, tap, flip, combination });
  if (fault !== undefined) throw new VggError('argument', fault);
  return scales;
}

/**
 * Checks the area of a rescaled image, with which memory grows: one extremely long image must not end the program.
 * @throws VggError `VGG_IMAGE`.
 */
function checkArea(key: string, image: RawImage, scales: readonly number[]): void {
  const largest = scales.reduce((a, b) => Math.max(a, b));
  const { width, height } = rescaledSize(image, largest);
  if (width * height <= MAX_PIXELS) return;
  throw new VggError(
    'image',
    `${key} of ${image.width}x${image.height} is ${width}x${height} at Q = ${largest}, above the limit of ${MAX_PIXELS} pixels: crop it, or use smaller scales`,
  );
}

/** Image at every scale, and where its descriptor goes. */
interface Prepared {
  readonly item: number;
  readonly key: string;
  readonly hash: string;
  readonly scales: readonly FloatImage[];
}

function batchAt(net: DescribingNet, images: readonly Prepared[], scale: number): Tensor4D {
  const { width, height } = images[0]!.scales[scale]!;
  const { channels = 3 } = net.model.options;
  const size = width * height * channels;
  const values = new Float32Array(images.length * size);
  for (const [i, { scales }] of images.entries()) {
    const { data } = scales[scale]!;
    values.set(channels === 1 ? greyOf(data) : data, i * size);
  }
  return tensor4d(values, [images.length, height, width, channels]);
}

/** Returns the descriptors of images of one size, row after row, by one forward pass for each scale and flip. */
async function describeBatch(
  net: DescribingNet,
  images: readonly Prepared[],
  { tap, flip, combination: scales }: DescriptorRule,
): Promise<Descriptors> {
  const options = { tap, flip, scales } as DescriptorOptions<Configuration>;
  const result = tidy(() =>
    descriptor(
      net.model,
      images[0]!.scales.map((_, scale) => batchAt(net, images, scale)),
      options,
    ),
  );
  try {
    const values = (await result.data()) as Float32Array;
    const width = result.shape[1];
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) return { length: images.length, width, values };
    const { key } = images[Math.floor(bad / width)]!;
    throw new VggError('nonFinite', `the descriptor of ${key} is not finite: the weights of the net are damaged`);
  } finally {
    result.dispose();
  }
}

/** Returns the number of pixels of an image at all scales. */
function pixelsOf(scales: readonly FloatImage[]): number {
  return scales.reduce((sum, { width, height }) => sum + width * height, 0);
}

/** Returns the images in batches of one size, each of at most `batchPixels` pixels, or one image. */
function batchesOf(images: readonly Prepared[], batchPixels: number): Prepared[][] {
  const groups = new Map<string, Prepared[]>();
  for (const image of images) {
    const size = image.scales.map(({ width, height }) => `${width}x${height}`).join();
    const group = groups.get(size);
    if (group === undefined) groups.set(size, [image]);
    else group.push(image);
  }
  return [...groups.values()].flatMap((group) => {
    const largest = group[0]!.scales.reduce((most, { width, height }) => Math.max(most, width * height), 1);
    const count = Math.max(1, Math.floor(batchPixels / largest));
    return Array.from({ length: Math.ceil(group.length / count) }, (_, i) => group.slice(i * count, (i + 1) * count));
  });
}

/**
 * Describes images: decodes a few ahead, rescales them to each Q as the net's training images, and runs the net on batches of one
 * size. Descriptors in the cache are not computed again, and computed ones are added to it after each batch.
 * @throws VggError `VGG_DATASET` if no image can be used; `VGG_ARGUMENT` for a net without preprocessing, or an option out
 *   of range; as `descriptor` of `@vgg/models`; the reason of `signal` when it is aborted.
 */
export async function describeImages(
  net: DescribingNet,
  items: readonly DescribedItem[],
  options: DescribeOptions = {},
): Promise<DescribedImages> {
  const { cache, strict = false, batchPixels = BATCH_PIXELS, signal, onProgress } = options;
  const transform = transformOf(net);
  const scales = scalesOf(net, options);
  requireInteger('batchPixels', batchPixels, 1);
  const rows: (Float32Array | undefined)[] = items.map(() => undefined);
  const skipped: { key: string; reason: string }[] = [];
  let known = 0;
  let done = 0;
  let waiting: Prepared[] = [];
  let waitingPixels = 0;
  const flush = async () => {
    for (const batch of batchesOf(waiting, batchPixels)) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const { width, values } = await describeBatch(net, batch, options);
      const entries = batch.map(({ hash }, i) => [hash, values.slice(i * width, (i + 1) * width)] as const);
      cache?.add(entries);
      for (const [i, { item }] of batch.entries()) rows[item] = entries[i]![1];
      done += batch.length;
      onProgress?.(done);
    }
    waiting = [];
    waitingPixels = 0;
  };
  const skip = (key: string, error: unknown) => {
    if (strict || !isVggError(error) || error.code !== 'VGG_IMAGE') throw error;
    skipped.push({ key, reason: error.message });
    onProgress?.(++done);
  };
  const prepare = async (item: number): Promise<Prepared | undefined> => {
    const image = items[item]!;
    const { key } = image;
    const hash = image.hash();
    rows[item] = cache?.get(hash);
    if (rows[item] !== undefined) return undefined;
    const pixels = await image.load();
    checkArea(key, pixels, scales);
    return { item, key, hash, scales: scales.map((scale) => prepareWhole(pixels, transform, scale)) };
  };
  for (let first = 0; first < items.length; first += AHEAD) {
    signal?.throwIfAborted();
    const group = items.slice(first, first + AHEAD).map((_, i) => prepare(first + i));
    for (const [i, result] of (await Promise.allSettled(group)).entries()) {
      if (result.status === 'rejected') skip(items[first + i]!.key, result.reason);
      else if (result.value === undefined) {
        known += 1;
        done += 1;
      } else {
        waiting.push(result.value);
        waitingPixels += pixelsOf(result.value.scales);
      }
    }
    onProgress?.(done);
    if (waitingPixels >= WAITING_PIXELS) await flush();
  }
  await flush();
  const usable = Uint32Array.from(rows.keys()).filter((item) => rows[item] !== undefined);
  if (usable.length === 0) {
    throw new VggError(
      'dataset',
      `none of ${items.length} images can be used: ${skipped[0]?.reason ?? 'there are none'}`,
    );
  }
  const width = rows[usable[0]!]!.length;
  const values = new Float32Array(usable.length * width);
  for (const [row, item] of usable.entries()) values.set(rows[item]!, row * width);
  return { descriptors: { length: usable.length, width, values }, items: usable, skipped, known };
}

/** Returns the descriptor of one image. @throws VggError as {@link describeImages}. */
export async function describeImage(
  net: DescribingNet,
  image: RawImage,
  rule: DescriptorRule = {},
): Promise<Float32Array> {
  const item = { key: 'the image', hash: () => '', load: async () => image };
  const { descriptors } = await describeImages(net, [item], { ...rule, strict: true });
  return descriptors.values;
}
