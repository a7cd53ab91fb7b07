/** Messages of rank 0 of a study to the other ranks: what is opened, and what is done next. */
import { gather } from '@vgg/core';
import type { ImageSource } from '@vgg/data';
import type { EngineName } from '@vgg/engine';
import type { StudyNet } from '@vgg/study';
import { requireSameSettings } from '@vgg/train';
import { currentJob } from '../job/job';
import type { RunRecord } from '../run/folder';
import { hashOfNames } from '../run/images';
import type { StudySettings } from './study';

/** Parts of the evaluation of a net. */
export type Part = 'dense' | 'crops';

/** An evaluation, as all processes must know it. */
export interface Scoring {
  part: Part;
  /** Training scale of the net. */
  scale: StudyNet['scale'];
  input: number;
  strict: boolean;
  /** The images, by their place in the order of the study: from `start` up to but not including `end`. */
  start: number;
  end: number;
}

/** Images and engine of a study, which every rank has. */
export interface Opening {
  images: Pick<StudySettings, 'data' | 'valFraction' | 'layout'>;
  engine: EngineName;
}

/** Step of a study that all ranks take. */
export type Step =
  | { kind: 'train' }
  | { kind: 'score'; run: string; record: RunRecord; scoring: Scoring }
  | { kind: 'end' };

/** Checks that all ranks have the same images and engine. */
export async function requireSameImages(validation: ImageSource, engine: string): Promise<void> {
  await requireSameSettings(currentJob(), {
    engine,
    'validation images': validation.length,
    'names of validation images': hashOfNames([validation]),
  });
}

/** Passes images and engine of a study that is open to the other ranks. */
export async function shareStudy({ images, engine }: Opening, validation: ImageSource): Promise<void> {
  const job = currentJob();
  if (job.size === 1) return;
  await gather<Opening>(job, { images, engine });
  await requireSameImages(validation, engine);
}

/** Says to the other ranks what is done next. */
export async function announceStep(step: Step): Promise<void> {
  const job = currentJob();
  if (job.size > 1) await gather(job, step);
}
