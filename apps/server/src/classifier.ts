/** A net that classifies encoded images: prepared in worker threads, one forward pass for those that wait together. */
import { VggError } from '@vgg/core';
import { classify } from '@vgg/eval';
import { createPreparer, type Guess, type ImagePreparer, type LoadedNet } from '@vgg/vgg/node';
import { Batcher, type BatcherOptions } from './batcher';

/** Options of {@link createClassifier}. */
export interface ClassifierOptions extends BatcherOptions {
  /** Largest number of pixels of an image. */
  readonly maxPixels: number;
  /** Number of classes to return. Default 5. */
  readonly top?: number | undefined;
  /** Number of threads that prepare images. Default: as `createPreparer` chooses. */
  readonly workers?: number | undefined;
}

/** Part of the server that knows the net. */
export interface Classifier {
  /**
   * Returns the most probable classes of an encoded image.
   * @throws VggError `VGG_IMAGE` if the image is unusable or has too many pixels; the reason of `signal` when it is aborted.
   */
  classify(image: Uint8Array, signal?: AbortSignal): Promise<Guess[]>;
  /** Ends the worker threads. */
  close(): Promise<void>;
}

type PreparedImage = Awaited<ReturnType<ImagePreparer['prepare']>>;

/** Arrays of shared memory for prepared images, which are used again: at most as many as images are classified at once. */
class Arrays {
  readonly #idle: Float32Array[] = [];

  constructor(readonly length: number) {}

  take(): Float32Array {
    return this.#idle.pop() ?? new Float32Array(new SharedArrayBuffer(this.length * Float32Array.BYTES_PER_ELEMENT));
  }

  /** Takes an array back. It may still be read for an image whose caller has left; the classes of that image go nowhere. */
  giveBack(array: Float32Array): void {
    this.#idle.push(array);
  }
}

/**
 * Creates a classifier and classifies a grey image once, so that a net that cannot be used is refused at the start.
 * @throws VggError `VGG_ARGUMENT` if the net's preprocessing is not known or does not fit its input.
 */
export async function createClassifier(
  { model, classes, transform }: Pick<LoadedNet, 'model' | 'classes' | 'transform'>,
  { maxPixels, top = 5, workers, ...options }: ClassifierOptions,
): Promise<Classifier> {
  if (transform === undefined) {
    throw new VggError('argument', 'expected weights with their preprocessing, got none: save them by saveModel');
  }
  const net = { model, classes, transform };
  const prepare = (image: PreparedImage) => image;
  const batcher = new Batcher<PreparedImage, Guess[]>(
    (images) => classify(net, images, { top, batchSize: images.length, prepare }),
    options,
  );
  const preparer = createPreparer({ workers });
  const close = () => preparer.close();
  const [height, width] = typeof transform.crop === 'number' ? [transform.crop, transform.crop] : transform.crop;
  const arrays = new Arrays(height * width * 3);
  try {
    const grey = { data: new Uint8Array(32 * 32 * 3).fill(128), width: 32, height: 32 };
    await batcher.submit(await preparer.prepare(grey, transform));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async classify(image, signal) {
      const into = arrays.take();
      try {
        return await batcher.submit(await preparer.prepare(image, transform, { signal, maxPixels, into }), signal);
      } finally {
        arrays.giveBack(into);
      }
    },
    close,
  };
}
