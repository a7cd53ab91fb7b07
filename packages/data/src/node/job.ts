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

/** A job as one thread sends it to another: columns, which cost a tenth of as many objects. */
export type JobMessage = Omit<Job, 'samples'> & {
  readonly slots: Int32Array;
  readonly indices: Uint32Array;
  readonly names: readonly string[];
  /** Of files their paths alone. */
  readonly locations: readonly (ImageLocation | string)[];
};

export function messageOf({ samples, ...job }: Job): JobMessage {
  return {
    ...job,
    slots: Int32Array.from(samples, ({ slot }) => slot),
    indices: Uint32Array.from(samples, ({ index }) => index),
    names: samples.map(({ name }) => name),
    locations: samples.map(({ location }) => (location.kind === 'file' ? location.path : location)),
  };
}

export function jobOf({ slots, indices, names, locations, ...job }: JobMessage): Job {
  const samples = names.map((name, i): Sample => {
    const location = locations[i]!;
    return {
      slot: slots[i]!,
      index: indices[i]!,
      name,
      location: typeof location === 'string' ? { kind: 'file', path: location } : location,
    };
  });
  return { ...job, samples };
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
      try {
        const done = prepare(job.samples[at]!, job.task);
        // Most images need no waiting: a promise each would cost more than some of their steps.
        if (done !== undefined) await done;
      } catch (error) {
        failures.push(failureOf(at, error));
      }
      completed += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, take));
  return { id: job.id, completed, failures };
}

function prepare({ slot, name, location, index }: Sample, task: Task): void | Promise<void> {
  if (task.kind === 'batch') {
    const { crop } = task.preparation.transform;
    return decodeInto(task.images, slot * crop * crop * 3, location, name, geometryOf(task.preparation, index));
  }
  return decodeImage(location, name).then((image) => task.moments.set(imageMoments(image), slot * MOMENTS));
}

function failureOf(sample: number, error: unknown): Failure {
  const code = isVggError(error) ? error.code : undefined;
  const fault = code === 'VGG_IMAGE' ? 'image' : code === 'VGG_IO' ? 'io' : 'state';
  return { sample, fault, reason: error instanceof Error ? error.message : String(error) };
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
