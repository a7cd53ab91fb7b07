/** A net that classifies encoded images: prepared in worker threads, one forward pass for those that wait together. */
import { VggError } from '@vgg/core';
import { classify } from '@vgg/eval';
import { createPreparer, type Guess, type ImagePreparer, type LoadedNet } from '@vgg/vgg/node';
import sharp from 'sharp';
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

/** Reads only the header, so that a small file cannot claim the memory of a huge image. */
async function checkPixels(image: Uint8Array, maxPixels: number): Promise<void> {
  // A file without a readable header is refused by the preparation, with its reason.
  const { width = 0, height = 0 } = await sharp(image, { limitInputPixels: false })
    .metadata()
    .catch(() => ({ width: 0, height: 0 }));
  if (width * height <= maxPixels) return;
  throw new VggError('image', `the image has ${width}x${height} pixels: at most ${maxPixels} are accepted`);
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
  try {
    const grey = { data: new Uint8Array(32 * 32 * 3).fill(128), width: 32, height: 32 };
    await batcher.submit(await preparer.prepare(grey, transform));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async classify(image, signal) {
      await checkPixels(image, maxPixels);
      return batcher.submit(await preparer.prepare(image, transform, { signal }), signal);
    },
    close,
  };
}
