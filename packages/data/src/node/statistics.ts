/** The training set's mean and RGB principal components, in one streamed pass over its files, kept for the next run. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import type { SkippedImage } from '../batch';
import type { ImageSource } from '../source';
import { MOMENTS, mergeMoments, type RgbMoments, statisticsOf, type TrainingStatistics } from '../statistics';
import { fingerprint } from './fingerprint';
import { type Job, type Report, sampleOf, untaken } from './job';
import { defaultWorkers } from './loader';
import { createPool } from './pool';

export interface StatisticsOptions {
  /** Worker threads, as a loader's. */
  readonly workers?: number;
  /**
   * Folder in which results are kept by the source's content; `null` keeps none. Unless given, `vgg` in the user's cache
   * folder (`XDG_CACHE_HOME`, else `~/.cache`). A folder that cannot be written to is no error.
   */
  readonly cache?: string | null;
  /** Fail at the first image that cannot be used; false unless given. */
  readonly strict?: boolean;
  /** Told after every few images. Not called when the cache answers. */
  onProgress?(done: number, total: number): void;
}

/** Statistics, and what they leave out. */
export interface SourceStatistics extends TrainingStatistics {
  readonly skipped: readonly SkippedImage[];
}

/** Images in one job. */
const CHUNK = 32;

/** Jobs under way at once. */
const AHEAD = 4;

/**
 * Mean and principal components over every pixel of a source. Images that cannot be used are left out and named. The result
 * does not depend on the number of workers.
 * @throws VggError `VGG_DATASET` when no image can be used; `VGG_IMAGE` in strict mode.
 */
export async function trainingStatistics(
  source: ImageSource,
  options: StatisticsOptions = {},
): Promise<SourceStatistics> {
  const folder = options.cache === undefined ? defaultCache() : options.cache;
  const file = folder === null ? undefined : join(folder, `statistics-${fingerprint(source)}.json`);
  const kept = file === undefined ? undefined : await readKept(file);
  const result = kept ?? (await compute(source, options));
  if (options.strict && result.skipped[0]) throw new VggError('image', result.skipped[0].reason);
  if (file !== undefined && !kept) await keep(folder!, file, result);
  return result;
}

function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vgg');
}

async function readKept(file: string): Promise<SourceStatistics | undefined> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as SourceStatistics;
    const numbers = [value.count, ...value.mean, ...value.eigenvalues, ...value.eigenvectors.flat()];
    return numbers.length === 16 && numbers.every(Number.isFinite) && Array.isArray(value.skipped) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function keep(folder: string, file: string, result: SourceStatistics): Promise<void> {
  const beside = `${file}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(beside, JSON.stringify(result));
    await rename(beside, file);
  } catch {
    // Without a cache the next run computes them again.
  }
}

async function compute(source: ImageSource, options: StatisticsOptions): Promise<SourceStatistics> {
  const skipped: SkippedImage[] = [];
  let total: RgbMoments = new Float64Array(MOMENTS);
  for await (const { job, moments, bad } of chunks(source, options)) {
    for (const { slot, index, name } of job.samples) {
      const reason = bad.get(slot);
      if (reason !== undefined) skipped.push({ index, key: name, reason });
      else total = mergeMoments(total, moments.subarray(slot * MOMENTS, (slot + 1) * MOMENTS));
    }
    options.onProgress?.(job.samples.at(-1)!.index + 1, source.length);
    if (options.strict && skipped[0]) throw new VggError('image', skipped[0].reason);
  }
  if (total[0] === 0) {
    const reason = skipped[0] ? `: ${skipped[0].reason}` : '';
    throw new VggError('dataset', `none of the ${source.length} images of ${source.name} can be used${reason}`);
  }
  return { ...statisticsOf(total), skipped };
}

/** A job under way, or done. */
interface Chunk {
  readonly job: Job;
  readonly moments: Float64Array;
  /** The reason by slot, for images that could not be used. */
  readonly bad: Map<number, string>;
  open: number;
}

/** The source's images in jobs, in order, a few of them under way ahead. */
async function* chunks(source: ImageSource, { workers = defaultWorkers() }: StatisticsOptions): AsyncGenerator<Chunk> {
  const pending = new Map<number, Chunk>();
  let failure: VggError | undefined;
  let wake = () => {};
  const report = ({ id, completed, failures }: Report) => {
    const chunk = pending.get(id);
    if (chunk === undefined) return; // A worker that came when nothing was left of a job that has been used.
    for (const { sample, reason, fault } of failures) {
      if (fault !== 'image') failure ??= new VggError(fault, reason);
      chunk.bad.set(chunk.job.samples[sample]!.slot, reason);
    }
    chunk.open -= completed;
    wake();
  };
  const failed = (error: VggError) => {
    failure ??= error;
    wake();
  };
  const pool = createPool(workers, { report, failed });
  pool.awaited(true);
  try {
    const count = Math.ceil(source.length / CHUNK);
    for (let id = 0, posted = 0; id < count; id++) {
      for (; posted < Math.min(count, id + AHEAD); posted++) {
        const chunk = startChunk(source, posted);
        pending.set(posted, chunk);
        pool.post(chunk.job);
      }
      const chunk = pending.get(id)!;
      while (chunk.open > 0 && !failure) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure) throw failure;
      pending.delete(id);
      yield chunk;
    }
  } finally {
    await pool.close();
  }
}

function startChunk(source: ImageSource, id: number): Chunk {
  const length = Math.min(CHUNK, source.length - id * CHUNK);
  const samples = Array.from({ length }, (_, slot) => sampleOf(source, slot, id * CHUNK + slot));
  const moments = new Float64Array(new SharedArrayBuffer(length * MOMENTS * 8));
  return {
    job: { id, samples, task: { kind: 'moments', moments }, next: untaken() },
    moments,
    bad: new Map(),
    open: length,
  };
}
