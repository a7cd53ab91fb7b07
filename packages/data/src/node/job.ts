/**
 * The unit of a worker's work: the samples of one batch, taken one at a time by whoever is free, written where the batch's
 * memory is. A worker that was sent several jobs goes through them by itself, whatever the thread that sent them does.
 */
import { isVggError } from '@vgg/core';
import type { Size } from '../image';
import type { ImageLocation } from '../source';
import {
  drawAugmentation,
  type EvaluationTransform,
  evaluationGeometry,
  type Geometry,
  type TrainTransform,
  trainingGeometry,
} from '../transform';
import { decodeInto } from './decode';

/** How each sample is prepared: drawn anew for (seed, epoch, sample), or the same always. */
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

export interface Job {
  readonly id: number;
  readonly samples: readonly Sample[];
  readonly preparation: Preparation;
  /** The batch's images, `[size, crop, crop, 3]`; shared between threads. */
  readonly images: Float32Array;
  /** One number: the next sample that nobody has taken yet; shared between threads. */
  readonly next: Int32Array;
}

export interface Failure {
  readonly sample: number;
  readonly reason: string;
  /** Whether the image is at fault, rather than the program or the machine. */
  readonly image: boolean;
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

async function prepare({ samples, preparation, images }: Job, at: number): Promise<Failure | undefined> {
  const { slot, name, location, index } = samples[at]!;
  const { crop } = preparation.transform;
  try {
    await decodeInto(images, slot * crop * crop * 3, location, name, geometryOf(preparation, index));
    return undefined;
  } catch (error) {
    const image = isVggError(error) && error.code === 'VGG_IMAGE';
    return { sample: at, image, reason: error instanceof Error ? error.message : String(error) };
  }
}

function geometryOf(preparation: Preparation, index: number): (size: Size) => Geometry {
  if (preparation.kind === 'evaluation') return (size) => evaluationGeometry(size, preparation.transform);
  const { transform, seed, epoch } = preparation;
  return (size) => trainingGeometry(size, transform, drawAugmentation(transform, seed, epoch, index));
}
