/**
 * The unit of a worker's work: the samples of one batch, taken one at a time by whoever is free, written where the batch's
 * memory is. A worker that was sent several jobs goes through them by itself, whatever the thread that sent them does.
 */
import { isVggError } from '@vgg/core';
import type { Size } from '../image';
import type { ImageLocation, ImageSource } from '../source';
import { imageMoments, MOMENTS } from '../statistics';
import {
  drawAugmentation,
  type EvaluationTransform,
  evaluationGeometry,
  type Geometry,
  type TrainTransform,
  trainingGeometry,
} from '../transform';
import { decodeImage, decodeInto } from './decode';

/** How each sample of a batch is prepared: drawn anew for (seed, epoch, sample), or the same always. */
export type Preparation =
  | { readonly kind: 'training'; readonly transform: TrainTransform; readonly seed: number; readonly epoch: number }
  | { readonly kind: 'evaluation'; readonly transform: EvaluationTransform };

/** One image of a batch. */
export interface Sample {
  /** Its place in the batch. */
  readonly slot: number;
  /** Its index in the source. */
  readonly index: number;
  readonly name: string;
  readonly location: ImageLocation;
}

/** What is to be done with the samples, and where the result goes: memory that is shared between threads. */
export type Task =
  /** Network inputs, `[size, crop, crop, 3]`. */
  | { readonly kind: 'batch'; readonly preparation: Preparation; readonly images: Float32Array }
  /** The moments of each image's RGB values, `[size, MOMENTS]`. */
  | { readonly kind: 'moments'; readonly moments: Float64Array };

export interface Job {
  readonly id: number;
  readonly samples: readonly Sample[];
  readonly task: Task;
  /** One number: the next sample that nobody has taken yet; shared between threads. */
  readonly next: Int32Array;
}

export interface Failure {
  readonly sample: number;
  readonly reason: string;
  /** What is at fault: the image, its disk, or the program. */
  readonly fault: 'image' | 'io' | 'state';
}

/** What one worker did of a job: how many of its samples, and which of them failed. */
export interface Report {
  readonly id: number;
  readonly completed: number;
  readonly failures: readonly Failure[];
}

/** Samples that one worker has in hand at once: one is decoded while another is resampled. */
const IN_FLIGHT = 2;

/** Takes samples of `job` until none is left. */
export async function work(job: Job): Promise<Report> {
  const failures: Failure[] = [];
  let completed = 0;
  const take = async () => {
    for (;;) {
      const at = Atomics.add(job.next, 0, 1);
      if (at >= job.samples.length) return;
      const failure = await prepare(job, at);
      if (failure) failures.push(failure);
      completed += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, take));
  return { id: job.id, completed, failures };
}

async function prepare({ samples, task }: Job, at: number): Promise<Failure | undefined> {
  const { slot, name, location, index } = samples[at]!;
  try {
    if (task.kind === 'moments') {
      task.moments.set(imageMoments(await decodeImage(location, name)), slot * MOMENTS);
    } else {
      const { crop } = task.preparation.transform;
      await decodeInto(task.images, slot * crop * crop * 3, location, name, geometryOf(task.preparation, index));
    }
    return undefined;
  } catch (error) {
    const code = isVggError(error) ? error.code : undefined;
    const fault = code === 'VGG_IMAGE' ? 'image' : code === 'VGG_IO' ? 'io' : 'state';
    return { sample: at, fault, reason: error instanceof Error ? error.message : String(error) };
  }
}

function geometryOf(preparation: Preparation, index: number): (size: Size) => Geometry {
  if (preparation.kind === 'evaluation') return (size) => evaluationGeometry(size, preparation.transform);
  const { transform, seed, epoch } = preparation;
  return (size) => trainingGeometry(size, transform, drawAugmentation(transform, seed, epoch, index));
}

/** Image `index` of a source as a sample of a job. Pixels in memory are cut out, lest a message carry all of them. */
export function sampleOf(source: ImageSource, slot: number, index: number): Sample {
  const location = source.location(index);
  const own = location.kind === 'pixels' ? { ...location, data: location.data.slice() } : location;
  return { slot, index, name: source.key(index), location: own };
}

/** The counter of a job from which nobody has taken anything. */
export function untaken(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}
