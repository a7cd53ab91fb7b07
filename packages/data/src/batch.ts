/** What a loader hands out. */

/** A batch of network inputs. */
export interface Batch {
  /** `[size, height, width, 3]`, RGB on the 0..255 scale minus the mean. The consumer's own copy. */
  readonly images: Float32Array;
  /** `[size]` class indices. */
  readonly labels: Int32Array;
  /** `[size]` indices of the images in their source. */
  readonly indices: Uint32Array;
  readonly size: number;
  readonly height: number;
  readonly width: number;
  readonly epoch: number;
  /** The batch's place in its epoch, from 0. */
  readonly index: number;
}

/** An image that could not be used. */
export interface SkippedImage {
  readonly index: number;
  readonly key: string;
  /** One line: what is wrong with it. */
  readonly reason: string;
}

/** Batches by address: any epoch, from any batch on. */
export interface BatchLoader {
  readonly batchesPerEpoch: number;
  /** The images found unusable so far, in the order of their index. */
  readonly skipped: readonly SkippedImage[];
  /**
   * The batches of `epoch` from batch `start` on. Leaving the loop early stops the work on it.
   * One iteration at a time: beginning another ends the one before.
   */
  epoch(epoch: number, start?: number): AsyncIterableIterator<Batch>;
  /** Ends the workers. An iteration still under way ends with a VggError `VGG_STATE`. */
  close(): Promise<void>;
}
