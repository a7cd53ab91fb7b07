/** Augmentation of one's own: a function of a module, which the data workers load and call for each training image. */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type RandomStream, randomStream, VggError } from '@vgg/core';
import type { Size } from '../image';

/** Function of a module for the data workers. */
export interface Augment {
  /**
   * Module with the function: a file URL such as `new URL('./augment.js', import.meta.url)`, or an absolute path. Each worker
   * imports it, so it must be JavaScript that Node can import.
   */
  readonly module: string | URL;
  /** Name of the export. Default `default`. */
  readonly name?: string | undefined;
  /** Options for the function. They are copied to the workers as `structuredClone` does. */
  readonly options?: unknown;
}

/** Image that is augmented, and its random numbers. */
export interface AugmentContext<Options = unknown> extends Size {
  /** Random stream of (seed, `augment`, epoch, image): the result does not depend on the workers if only it is used. */
  readonly random: RandomStream;
  readonly epoch: number;
  /** Index of the image in the source. */
  readonly index: number;
  readonly options: Options;
}

/**
 * Changes the pixels of a crop in place: RGB from 0 to 255, [height, width, 3], after the built-in augmentation, before the
 * mean is subtracted and the pixels are scaled.
 */
export type AugmentFunction<Options = unknown> = (pixels: Float32Array, context: AugmentContext<Options>) => void;

/** An {@link Augment} as it is sent to the workers. */
export interface AugmentMessage {
  readonly url: string;
  readonly name: string;
  readonly options: unknown;
}

/** @throws VggError `VGG_ARGUMENT` for a module that is not a file URL or an absolute path. */
export function augmentMessage({ module, name = 'default', options }: Augment): AugmentMessage {
  const text = String(module);
  if (text.startsWith('file:')) return { url: text, name, options };
  if (isAbsolute(text)) return { url: pathToFileURL(text).href, name, options };
  throw new VggError(
    'argument',
    `the module of augment must be a file URL or an absolute path, got ${text.slice(0, 100)}: use new URL('./augment.js', import.meta.url)`,
  );
}

/** Functions that this thread has loaded, by module and name. */
const loaded = new Map<string, AugmentFunction | Promise<AugmentFunction>>();

/** Returns the function of a module: at once if this thread has loaded it. */
export function augmentFunction({ url, name }: AugmentMessage): AugmentFunction | Promise<AugmentFunction> {
  const key = `${url} ${name}`;
  const known =
    loaded.get(key) ??
    load(url, name).then((found) => {
      loaded.set(key, found);
      return found;
    });
  loaded.set(key, known);
  return known;
}

async function load(url: string, name: string): Promise<AugmentFunction> {
  const exports = (await import(url).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VggError('state', `the module ${url} of augment cannot be imported: ${reason.split('\n')[0]}`, { cause });
  })) as Record<string, unknown>;
  const found = exports[name];
  if (typeof found === 'function') return found as AugmentFunction;
  throw new VggError(
    'state',
    `the module ${url} of augment has no function ${name}: it exports ${Object.keys(exports).join(', ')}`,
  );
}

/** Returns the random stream of an image's augmentation. */
export function augmentStream(seed: number, epoch: number, index: number): RandomStream {
  return randomStream(seed, 'augment', epoch, index);
}
