/** Preparation of single images in worker threads: a server's event loop stays free. */
import { requireInteger, VggError } from '@vgg/core';
import { cropSides } from '../crop';
import type { FloatImage } from '../image';
import { checkImageTransform, type ImageTransform } from '../prepare';
import type { ImageLocation } from '../source';
import { type Fault, located, newJob, type Report } from './job';
import { type LoadImageOptions, locate, type NodeImage } from './load-image';
import { defaultWorkers } from './loader';
import { createPool, type Pool } from './pool';

/** Options of {@link createPreparer}. */
export interface PreparerOptions {
  /** Number of worker threads; 0 does the work in the calling thread. Default as for a loader. */
  readonly workers?: number | undefined;
}

/** Options of {@link ImagePreparer.prepare}. */
export interface PrepareOptions extends Pick<LoadImageOptions, 'name' | 'signal'> {
  /** Largest number of pixels of an encoded image, read from its header before it is decoded. Default 120 million. */
  readonly maxPixels?: number | undefined;
  /**
   * Shared memory (over a `SharedArrayBuffer`) to write the image to, of height · width · 3 numbers of the crop, so that a server
   * can use its memory again: garbage of 600 kB for each image keeps the collector busy. Default: memory of the image's own.
   */
  readonly into?: Float32Array | undefined;
}

/** Threads that decode and prepare images. They do not keep the process alive when they have nothing to do. */
export interface ImagePreparer {
  /** True after a thread failed and after {@link close}: no more images can be prepared. */
  readonly failed: boolean;
  /**
   * Decodes an image and prepares it as `prepareImage` does.
   * @throws VggError as `loadImage` and `prepareImage`; `VGG_IMAGE` for more than `maxPixels`; `VGG_ARGUMENT` if `into` does not fit;
   *   `VGG_STATE` if the preparer has {@link failed}.
   */
  prepare(image: NodeImage, transform: ImageTransform, options?: PrepareOptions): Promise<FloatImage>;
  /** Ends the threads. Images that are being prepared fail with `VGG_STATE`. */
  close(): Promise<void>;
}

/** An image that is being prepared. */
interface Pending {
  readonly image: FloatImage;
  /** True if the image's memory is the preparer's own. */
  readonly isOwn: boolean;
  readonly resolve: (image: FloatImage) => void;
  readonly reject: (error: VggError) => void;
}

/** Largest number of shared arrays that a preparer keeps for the next images. */
const KEPT_ARRAYS = 32;

class Preparer implements ImagePreparer {
  readonly #pool: Pool;
  readonly #pending = new Map<number, Pending>();
  /** Shared arrays that no thread writes to. A new one for each image would keep the garbage collector busy. */
  readonly #idle: Float32Array[] = [];
  #failure: VggError | undefined;

  constructor(workers: number) {
    this.#pool = createPool(workers, {
      report: (report) => this.#report(report),
      failed: (error) => this.#fail(error),
    });
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  async prepare(image: NodeImage, transform: ImageTransform, options: PrepareOptions = {}): Promise<FloatImage> {
    checkImageTransform(transform);
    const { width, height } = cropSides(transform.crop);
    const length = width * height * 3;
    const { maxPixels, into } = options;
    if (maxPixels !== undefined) requireInteger('maxPixels', maxPixels, 1);
    if (into !== undefined) checkShared(into, length);
    const { location, name } = await locate(image, options);
    if (this.#failure) throw this.#failure;
    const images = into ?? this.#array(length);
    const sample = located({ slot: 0, index: 0, place: 0, name }, location);
    const preparation = { kind: 'evaluation', transform, maxPixels } as const;
    const job = newJob([sample], { kind: 'batch', preparation, images });
    const prepared = { data: images, width, height };
    return new Promise((resolve, reject) => {
      this.#pending.set(job.id, { image: prepared, isOwn: into === undefined, resolve, reject });
      this.#pool.ref();
      this.#pool.postToOne(job, ownMemory(sample.location));
    });
  }

  async close(): Promise<void> {
    this.#fail(new VggError('state', 'the image preparer is closed'));
    await this.#pool.close();
  }

  /** Returns a shared array: the last of an earlier image whose length fits, or a new one. */
  #array(length: number): Float32Array {
    const i = this.#idle.map((idle) => idle.length).lastIndexOf(length);
    return i >= 0 ? this.#idle.splice(i, 1)[0]! : new Float32Array(new SharedArrayBuffer(4 * length));
  }

  #report({ id, failures: [failure] }: Report): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#pool.unref();
    const { image, isOwn } = pending;
    if (failure !== undefined) pending.reject(errorOf(failure));
    else pending.resolve(isOwn ? { ...image, data: image.data.slice() } : image);
    if (!isOwn) return;
    this.#idle.push(image.data);
    // The array that was idle for longest may have a size that no image needs any more.
    if (this.#idle.length > KEPT_ARRAYS) this.#idle.shift();
  }

  #fail(error: VggError): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#pool.unref();
  }
}

/** Returns the memory that {@link located} copied, which no one else uses. */
function ownMemory(location: ImageLocation): ArrayBuffer[] {
  return location.kind === 'bytes' || location.kind === 'pixels' ? [location.data.buffer as ArrayBuffer] : [];
}

function checkShared(into: Float32Array, length: number): void {
  const isShared = into instanceof Float32Array && into.buffer instanceof SharedArrayBuffer;
  if (isShared && into.length === length) return;
  const got = into instanceof Float32Array ? `${into.length} of ${isShared ? '' : 'not '}shared memory` : String(into);
  throw new VggError(
    'argument',
    `expected \`into\` as a Float32Array of ${length} numbers over a SharedArrayBuffer, got ${got}`,
  );
}

function errorOf({ fault, reason }: Fault): VggError {
  return new VggError(fault, reason);
}

/** Creates threads that decode and prepare images, for any number of nets. */
export function createPreparer({ workers = defaultWorkers() }: PreparerOptions = {}): ImagePreparer {
  return new Preparer(workers);
}
