/** A study's file, `paper.json`: what was asked for, the plan, and the results so far; what `report.html` shows of it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { ConfigurationName } from '@vgg/models';
import { writeFileAtomically } from '@vgg/weights/node';
import type { EngineName } from '../engine';
import type { Settings } from '../recipe/settings';
import type { Environment } from '../run/environment';
import type { PaperScale } from './figures';
import type { Allotment, Images, Pace, StudyNet } from './plan';
import type { Result, Table } from './tables';

const FORMAT = 'vgg-paper';
const FILE = 'paper.json';

/** Settings of every net of a study, beside its configuration, scale and epochs. */
export type StudySettings = Pick<
  Settings,
  'valFraction' | 'batchNorm' | 'width' | 'head' | 'dropout' | 'microBatch' | 'rate' | 'weightDecay' | 'seed'
> & {
  batch: number;
  /** The most of a net that starts from scratch. */
  epochs: number;
  /** Absolute. */
  data: string;
  configs: readonly ConfigurationName[];
  scales: readonly PaperScale[];
  input: number;
  /** Seconds. */
  budget: number;
};

export interface Study {
  format: typeof FORMAT;
  version: 1;
  created: string;
  engine: EngineName;
  environment: Environment;
  settings: StudySettings;
  classes: number;
  images: Images;
  nets: readonly StudyNet[];
  paces: Record<string, Pace>;
  plan: Allotment;
  /** Seconds of the budget that are spent. */
  spent: number;
  /** Of each net whose training has ended: its epochs, 0 when it was left out, and the seconds that it took. */
  trained: Record<string, { epochs: number; seconds: number }>;
  /** Dense evaluation of each net trained. */
  dense: Record<string, readonly Result[]>;
  /** Every protocol over the deepest nets, once they are evaluated. */
  protocols?: readonly Result[];
  /** How many guesses the top-5 error allows. */
  k: number;
  /** What the study came to, once it is done. */
  tables?: readonly Table[];
  notes?: readonly string[];
}

/** A study given another budget, in seconds: what it left out for want of time is to be done. */
export function extended({ protocols, tables, notes, ...study }: Study, budget: number): Study {
  const done = Object.entries(study.trained).filter(([, { epochs }]) => epochs > 0);
  const complete = done.length === Object.keys(study.trained).length && protocols !== undefined && protocols.length > 0;
  return {
    ...study,
    settings: { ...study.settings, budget },
    trained: Object.fromEntries(done),
    ...(complete && { protocols }),
  };
}

export function studyExists(folder: string): boolean {
  return existsSync(join(folder, FILE));
}

export async function saveStudy(folder: string, study: Study): Promise<void> {
  await writeFileAtomically(join(folder, FILE), [Buffer.from(`${JSON.stringify(study, null, 2)}\n`)]);
}

/** @throws VggError `VGG_RUN` when the folder holds no study. */
export async function readStudy(folder: string): Promise<Study> {
  const what = `${folder} is not the folder of a study`;
  let study: Partial<Study>;
  try {
    study = JSON.parse(await readFile(join(folder, FILE), 'utf8')) as Partial<Study>;
  } catch (error) {
    const why =
      error instanceof SyntaxError ? `its ${FILE} is not JSON` : `expected ${FILE} in it (${systemReason(error)})`;
    throw new VggError('run', `${what}: ${why}`, { cause: error });
  }
  const complete = study?.settings && study.nets && study.plan && study.paces && study.trained && study.dense;
  if (study?.format !== FORMAT || study.version !== 1 || !complete) {
    throw new VggError('run', `${what} of this version: its ${FILE} lacks format "${FORMAT}", version 1`);
  }
  return study as Study;
}
