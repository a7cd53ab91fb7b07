/** Computes the mean and the RGB principal components of a training set in one pass over its files, and caches the result. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { cacheFolder, writeFileAtomically } from '@vgg/core/node';
import type { SkippedImage } from '../batch';
import { type AsyncImageSource, checkSource } from '../source';
import { MOMENTS, mergeMoments, type RgbMoments, statisticsOf, type TrainingStatistics } from '../statistics';
import { type ClassCopies, copiesByKey, keyOfNumbers } from './class-copies';
import { fingerprint } from './fingerprint';
import { faultOf, type Job, newJob, type Place, placeOf, type Report, sampleOf } from './job';
import { defaultWorkers } from './loader';
import { createPool } from './pool';
import { membersByClass, noneUsable } from './usable-images';

export interface StatisticsOptions {
  /** Number of worker threads, as for a loader. */
  readonly workers?: number | undefined;
  /**
   * Folder in which results are cached by the content of the source; `null` caches nothing. A folder that cannot be written is
   * not an error. Default: `vgg` in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`).
   */
  readonly cache?: string | null | undefined;
  /** True to fail at the first unusable image. Default false. */
  readonly strict?: boolean | undefined;
  /** Called after every few images. Not called if the cache has the result. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Statistics of a source, and what was found in its images. */
export interface SourceStatistics extends TrainingStatistics {
  /** Images that the statistics leave out. */
  readonly skipped: readonly SkippedImage[];
  /** Images that lie in several classes as copies of the same bytes. */
  readonly copies: readonly ClassCopies[];
}

/** Number of images in a job. */
const CHUNK = 32;

/** Largest number of jobs at once. */
const AHEAD = 4;

/**
 * Computes the mean and the principal components over every pixel of a source. Unusable images are left out and listed in
 * `skipped`. The result does not depend on the number of workers.
 * @throws VggError `VGG_DATASET` if a class has images but none is usable; `VGG_IMAGE` in strict mode if an image is not.
 */
export async function trainingStatistics(
  source: AsyncImageSource,
  options: StatisticsOptions = {},
): Promise<SourceStatistics> {
  checkSource(source);
  const folder = options.cache === undefined ? cacheFolder() : options.cache;
  const state = folder === null ? undefined : fingerprint(source);
  const file = state === undefined ? undefined : join(folder!, `statistics-${state}.json`);
  const cached = file === undefined ? undefined : await readCached(file);
  const result = cached ?? (await compute(source, options));
  if (options.strict && result.skipped[0]) throw new VggError('image', result.skipped[0].reason);
  if (file !== undefined && !cached) await writeCached(folder!, file, result);
  checkClasses(source, result.skipped);
  return result;
}

/** Checks that every class with images has a usable one. */
function checkClasses(source: AsyncImageSource, skipped: readonly SkippedImage[]): void {
  if (skipped.length === 0) return;
  const unusable = new Set(skipped.map(({ index }) => index));
  membersByClass(source).forEach((members, label) => {
    if (members.length === 0 || !members.every((index) => unusable.has(index))) return;
    const { reason } = skipped.find(({ index }) => index === members[0])!;
    throw noneUsable(source.name, source.classes[label]!, members.length, reason);
  });
}

async function readCached(file: string): Promise<SourceStatistics | undefined> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as SourceStatistics;
    const numbers = [value.count, ...value.mean, ...value.eigenvalues, ...value.eigenvectors.flat()];
    return numbers.length === 16 &&
      numbers.every(Number.isFinite) &&
      Array.isArray(value.skipped) &&
      Array.isArray(value.copies)
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

async function writeCached(folder: string, file: string, result: SourceStatistics): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFileAtomically(file, [Buffer.from(JSON.stringify(result))]);
  } catch {
    // Without a cache the next run computes the statistics again.
  }
}

async function compute(source: AsyncImageSource, options: StatisticsOptions): Promise<SourceStatistics> {
  const skipped: SkippedImage[] = [];
  let total: RgbMoments = new Float64Array(MOMENTS);
  const keys = new Float64Array(source.length).fill(Number.NaN);
  for await (const { places, moments, reasons } of chunks(source, options)) {
    for (const { slot, index, name } of places) {
      const reason = reasons.get(slot);
      if (reason !== undefined) {
        skipped.push({ index, key: name, reason });
        continue;
      }
      const own = moments.slice(slot * MOMENTS, (slot + 1) * MOMENTS);
      total = mergeMoments(total, own);
      keys[index] = keyOfNumbers(own);
    }
    options.onProgress?.(places.at(-1)!.index + 1, source.length);
    if (options.strict && skipped[0]) throw new VggError('image', skipped[0].reason);
  }
  if (total[0] === 0) {
    const reason = skipped[0] ? `: ${skipped[0].reason}` : '';
    throw new VggError('dataset', `none of the ${source.length} images of ${source.name} can be used${reason}`);
  }
  return { ...statisticsOf(total), skipped, copies: await copiesByKey(source, keys) };
}

/** Images of one job, and their results so far. */
interface Chunk {
  readonly job: Job;
  /** All images of the chunk, with those that are not part of the job. */
  readonly places: readonly Place[];
  readonly moments: Float64Array;
  /** Reason of each unusable image, by slot. */
  readonly reasons: Map<number, string>;
  /** Number of images that no worker has reported yet. */
  open: number;
}

/** Computes the moments of the source's images. Yields finished chunks in order, and works on a few chunks ahead. */
async function* chunks(
  source: AsyncImageSource,
  { workers = defaultWorkers() }: StatisticsOptions,
): AsyncGenerator<Chunk> {
  const pending = new Map<number, Chunk>();
  let failure: VggError | undefined;
  let wake = () => {};
  const report = ({ id, completed, failures }: Report) => {
    const chunk = pending.get(id);
    // Other workers may have done all samples of a job, so a report can arrive after the job was used.
    if (chunk === undefined) return;
    for (const { sample, reason, fault } of failures) {
      if (fault !== 'image') failure ??= new VggError(fault, reason);
      chunk.reasons.set(chunk.job.samples[sample]!.slot, reason);
    }
    chunk.open -= completed;
    wake();
  };
  const failed = (error: VggError) => {
    failure ??= error;
    wake();
  };
  const pool = createPool(workers, { report, failed });
  pool.ref();
  try {
    let start = 0;
    while (start < source.length || pending.size > 0) {
      for (; start < source.length && pending.size < AHEAD; start += CHUNK) {
        const chunk = await newChunk(source, start);
        pending.set(chunk.job.id, chunk);
        pool.post(chunk.job);
      }
      const [first] = pending.values();
      while (first!.open > 0 && !failure) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure) throw failure;
      pending.delete(first!.job.id);
      yield first!;
    }
  } finally {
    await pool.close();
  }
}

/** Returns the job of the images from `start`. Those that their source cannot locate have their reason at once. */
async function newChunk(source: AsyncImageSource, start: number): Promise<Chunk> {
  const length = Math.min(CHUNK, source.length - start);
  const places = Array.from({ length }, (_, slot) => placeOf(source, slot, start + slot));
  const results = await Promise.allSettled(places.map(async (place) => sampleOf(source, place)));
  const reasons = new Map<number, string>();
  for (const [slot, result] of results.entries()) {
    if (result.status === 'fulfilled') continue;
    const { fault, reason } = faultOf(places[slot]!.name, result.reason);
    if (fault !== 'image') throw new VggError(fault, reason);
    reasons.set(slot, reason);
  }
  const samples = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const moments = new Float64Array(new SharedArrayBuffer(length * MOMENTS * 8));
  const job = newJob(samples, { kind: 'moments', moments });
  return { job, places, moments, reasons, open: samples.length };
}
