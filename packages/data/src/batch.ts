/** Types of batches and their loaders. */
import type { ImagePreprocessing } from './net-transform';

/** A batch of inputs of a net. */
export interface Batch {
  /** `[size, height, width, 3]`, normalised by the transform. The caller owns this copy. */
  readonly images: Float32Array;
  /** `[size]` class indices. */
  readonly labels: Int32Array;
  /** `[size]` indices of the images in their source. */
  readonly indices: Uint32Array;
  readonly size: number;
  readonly height: number;
  readonly width: number;
  readonly epoch: number;
  /** Number of the batch in its epoch, from 0. */
  readonly index: number;
  /** Place of these images in the batch, if the loader prepares only a share of it. */
  readonly part?: { readonly first: number; readonly total: number } | undefined;
}

/** An image that could not be used. */
export interface SkippedImage {
  readonly index: number;
  readonly key: string;
  /** One line that says what is wrong with the image. */
  readonly reason: string;
}

/** Loader of the batches of any epoch, starting at any batch. */
export interface BatchLoader {
  readonly batchesPerEpoch: number;
  /** Preparation of the images, to be saved with the net that is trained on them: `saveModel(path, net, { preprocessing })`. */
  readonly preprocessing: ImagePreprocessing;
  /** Images found unusable so far, in the order of their index. */
  readonly skipped: readonly SkippedImage[];
  /**
   * Returns the batches of `epoch` from batch `start` up to but not including `end`. Leaving the loop ends the work on
   * them. Only one iteration can run at a time: starting another one ends it.
   *
   * @param start default 0.
   * @param end default `batchesPerEpoch`.
   */
  epoch(epoch: number, start?: number, end?: number): AsyncIterableIterator<Batch>;
  /** Ends the workers. An unfinished iteration throws a VggError `VGG_STATE`. */
  close(): Promise<void>;
}
