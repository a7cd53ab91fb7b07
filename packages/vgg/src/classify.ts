/** Classification in Node: images from anywhere, prepared in worker threads. */
import { createPreparer, type ImagePreparer, type NodeImage } from '@vgg/data/node';
import type { NotStream, ClassifyOptions as OptionsOfEval } from '@vgg/eval';
import { type ClassifyingNet, classify as classifyPrepared, type Guess } from '@vgg/eval';

/** Image that is not a stream. */
type UnstreamedImage = Exclude<NodeImage, ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>>;

/** Options of {@link classify}. */
export interface ClassifyOptions extends Omit<OptionsOfEval<NodeImage>, 'prepare'> {
  /** Threads that prepare the images. Default: those of this process, which all calls share. */
  readonly preparer?: ImagePreparer | undefined;
}

let shared: ImagePreparer | undefined;

/** Returns the threads that all calls share. They do not keep the process alive. Threads that failed are replaced. */
function sharedPreparer(): ImagePreparer {
  if (shared?.failed) {
    void shared.close();
    shared = undefined;
  }
  shared ??= createPreparer();
  return shared;
}

/**
 * Returns the most probable classes of an image, most probable first: of a path, an address, encoded bytes, a Blob, or pixels. The
 * image is prepared as the net's training images, in a worker thread, so that the event loop stays free. Several images are
 * classified in batches; the next images are prepared meanwhile, so that memory does not grow with their number.
 * A stream is refused, since its parts could be those of one image: pass `await loadImage(stream)`. An array may hold streams.
 * @throws VggError `VGG_IMAGE` for an image that cannot be used; `VGG_IO` for one that cannot be read; `VGG_ARGUMENT` for a stream,
 *   or when the net's preprocessing is not known; `VGG_NON_FINITE` when the net returns NaN; the reason of `signal` when it is aborted.
 */
export async function classify(
  net: ClassifyingNet,
  images: readonly NodeImage[] | (AsyncIterable<NodeImage> & NotStream),
  options?: ClassifyOptions,
): Promise<Guess[][]>;
export async function classify(
  net: ClassifyingNet,
  image: UnstreamedImage,
  options?: ClassifyOptions,
): Promise<Guess[]>;
export async function classify(
  net: ClassifyingNet,
  images: UnstreamedImage | readonly NodeImage[] | (AsyncIterable<NodeImage> & NotStream),
  { preparer = sharedPreparer(), ...options }: ClassifyOptions = {},
): Promise<Guess[] | Guess[][]> {
  return classifyPrepared(net, images as UnstreamedImage, {
    ...options,
    prepare: (image, transform) => preparer.prepare(image, transform, { signal: options.signal }),
  });
}
