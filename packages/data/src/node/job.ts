/**
 * Jobs: the unit of work of a worker thread. A job holds the samples of one batch. Every thread receives the job; each takes one
 * sample after another and writes the result into the batch's shared memory. A worker that received several jobs does them
 * all, even while the sending thread is busy.
 */
import { isVggError } from '@vgg/core';
import { cropSides } from '../crop';
import type { Size } from '../image';
import { type AsyncImageSource, type ImageLocation, locationOf } from '../source';
import { imageMoments, MOMENTS } from '../statistics';
import {
  drawAugmentation,
  type EvaluationTransform,
  evaluationGeometry,
  type Geometry,
  type TrainTransform,
  trainingGeometry,
} from '../transform';
import { type AugmentFunction, type AugmentMessage, augmentFunction, augmentStream } from './augment';
import { decodeImage, decodeInto } from './decode';

/** Preparation of each sample of a batch: random for each (seed, epoch, sample) in training, fixed in evaluation. */
export type Preparation =
  | {
      readonly kind: 'training';
      readonly transform: TrainTransform;
      readonly seed: number;
      readonly epoch: number;
      readonly augment?: AugmentMessage | undefined;
    }
  | {
      readonly kind: 'evaluation';
      readonly transform: EvaluationTransform;
      /** Largest number of pixels of an encoded image. Default 120 million. */
      readonly maxPixels?: number | undefined;
    };

/** One image of a batch. */
export interface Sample {
  /** Its place in the batch. */
  readonly slot: number;
  /** Its index in the source. */
  readonly index: number;
  /** The image of the epoch's order whose place it takes: itself if that one is usable. */
  readonly place: number;
  readonly name: string;
  readonly location: ImageLocation;
}

/** Result to compute from the samples, and its memory, which the threads share. */
export type Task =
  /** Inputs of a net, `[size, height, width, 3]`. */
  | { readonly kind: 'batch'; readonly preparation: Preparation; readonly images: Float32Array }
  /** Moments of each image's RGB values, `[size, MOMENTS]`. */
  | { readonly kind: 'moments'; readonly moments: Float64Array };

export interface Job {
  /** Unique in this process. */
  readonly id: number;
  readonly samples: readonly Sample[];
  readonly task: Task;
  /** One number: the first sample that no thread has taken yet. Threads share this memory. */
  readonly next: Int32Array;
}

let jobs = 0;

export function newJob(samples: readonly Sample[], task: Task): Job {
  return { id: jobs++, samples, task, next: new Int32Array(new SharedArrayBuffer(4)) };
}

/** A job as it is sent to a worker: in columns, which need a tenth of the objects. */
export type JobMessage = Omit<Job, 'samples'> & {
  readonly slots: Int32Array;
  readonly indices: Uint32Array;
  readonly names: readonly string[];
  /** Locations of the samples. A location in a file of its own is sent as the path alone. */
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
      place: indices[i]!,
      name,
      location: typeof location === 'string' ? { kind: 'file', path: location } : location,
    };
  });
  return { ...job, samples };
}

export interface Failure {
  /** Place in the job's samples. */
  readonly sample: number;
  readonly reason: string;
  /** Cause of the failure: the image, its disk, or the program. */
  readonly fault: 'image' | 'io' | 'state';
}

/** One worker's part of a job: the number of samples it did, and the failures among them. */
export interface Report {
  readonly id: number;
  readonly completed: number;
  readonly failures: readonly Failure[];
}

/** Number of samples that a worker does at once: one is decoded while another is resampled. */
const IN_FLIGHT = 2;

/** Takes samples of `job` until no sample is left. */
export async function work(job: Job): Promise<Report> {
  const failures: Failure[] = [];
  let completed = 0;
  const takeSamples = async () => {
    for (;;) {
      const at = Atomics.add(job.next, 0, 1);
      if (at >= job.samples.length) return;
      try {
        const pending = prepare(job.samples[at]!, job.task);
        // Most samples are done at once. An await for each of them would cost more than some of their steps.
        if (pending !== undefined) await pending;
      } catch (error) {
        failures.push({ sample: at, ...causeOf(error) });
      }
      completed += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, takeSamples));
  return { id: job.id, completed, failures };
}

function prepare({ slot, name, location, index }: Sample, task: Task): void | Promise<void> {
  if (task.kind === 'batch') {
    const { images, preparation } = task;
    const { width, height } = cropSides(preparation.transform.crop);
    const maxPixels = preparation.kind === 'evaluation' ? preparation.maxPixels : undefined;
    const offset = slot * width * height * 3;
    const run = (augment?: AugmentFunction) =>
      decodeInto(images, offset, location, name, geometryOf(preparation, index, augment), maxPixels);
    if (preparation.kind === 'evaluation' || preparation.augment === undefined) return run();
    const augment = augmentFunction(preparation.augment);
    return augment instanceof Promise ? augment.then(run) : run(augment);
  }
  return decodeImage(location, name).then((image) => task.moments.set(imageMoments(image), slot * MOMENTS));
}

function causeOf(error: unknown): Fault {
  const code = isVggError(error) ? error.code : undefined;
  const fault = code === 'VGG_IMAGE' ? 'image' : code === 'VGG_IO' ? 'io' : 'state';
  return { fault, reason: error instanceof Error ? error.message : String(error) };
}

function geometryOf(preparation: Preparation, index: number, augment?: AugmentFunction): (size: Size) => Geometry {
  if (preparation.kind === 'evaluation') return (size) => evaluationGeometry(size, preparation.transform);
  const { transform, seed, epoch } = preparation;
  return (size) => {
    const geometry = trainingGeometry(size, transform, drawAugmentation(transform, seed, epoch, index));
    if (augment === undefined) return geometry;
    const { width, height } = geometry.window;
    const context = { width, height, epoch, index, options: preparation.augment?.options };
    return {
      ...geometry,
      change: (pixels) => augment(pixels, { ...context, random: augmentStream(seed, epoch, index) }),
    };
  };
}

/** Place of an image in a batch, before its location is known. */
export type Place = Omit<Sample, 'location'>;

/** Returns the place of image `index` of a source in slot `slot`. */
export function placeOf(source: AsyncImageSource, slot: number, index: number, place = index): Place {
  return { slot, index, place, name: source.key(index) };
}

/** Adds an image's location. Copies what lies in memory, so that a message holds only the bytes of the image. */
export function located(place: Place, location: ImageLocation): Sample {
  const { kind } = location;
  // The method `slice` of a Buffer does not copy.
  const own = kind === 'pixels' || kind === 'bytes' ? { ...location, data: new Uint8Array(location.data) } : location;
  return { ...place, location: own };
}

/** Returns the sample of a place: at once if its source is local. */
export function sampleOf(source: AsyncImageSource, place: Place): Sample | Promise<Sample> {
  const location = locationOf(source, place.index);
  return location instanceof Promise ? location.then((found) => located(place, found)) : located(place, location);
}

/** Reason why an image cannot be used, and the cause: the image, its disk or connection, or the program. */
export type Fault = Pick<Failure, 'reason' | 'fault'>;

/** Returns the fault of a source that could not locate an image. */
export function faultOf(name: string, error: unknown): Fault {
  if (isVggError(error)) return causeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  return { fault: 'io', reason: `${name} cannot be fetched: ${reason}` };
}
