/** File of a study, `paper.json`: its settings, its plan, its results so far, and its tables once it is complete. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason, writeFileAtomically } from '@vgg/core/node';
import type { EngineName } from '@vgg/engine';
import type { ConfigurationName } from '@vgg/models';
import type { Settings } from '@vgg/recipes';
import type { PrintedTable } from '@vgg/report';
import type { Environment } from '../run/environment';
import type { PaperScale } from './figures';
import type { Allotment, Images, NetTime, StudyNet } from './plan';
import type { Result } from './tables';

const FORMAT = 'vgg-paper';
const FILE = 'paper.json';

/** Settings that all nets of a study share. */
export type StudySettings = Pick<
  Settings,
  'valFraction' | 'batchNorm' | 'width' | 'head' | 'dropout' | 'microBatch' | 'rate' | 'weightDecay' | 'seed'
> & {
  batch: number;
  /** Layout of the images. Default `auto`. */
  layout?: Settings['layout'] | undefined;
  /** Largest number of epochs of a net that starts from random weights. */
  epochs: number;
  /** Absolute path of the images, or name of a public data set. */
  data: string;
  configs: readonly ConfigurationName[];
  scales: readonly PaperScale[];
  input: number;
  /** Time budget in seconds. */
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
  /** Measured times of each configuration. */
  paces: Record<string, NetTime>;
  plan: Allotment;
  /** Seconds of the budget that are spent. */
  spent: number;
  /** Epochs and seconds of each net whose training has ended. A net that was left out has 0 epochs. */
  trained: Record<string, { epochs: number; seconds: number }>;
  /** Dense evaluation of each trained net. */
  dense: Record<string, readonly Result[]>;
  /** Evaluation of the deepest nets under every protocol; undefined before it. */
  protocols?: readonly Result[] | undefined;
  /** Number of guesses that the top-5 error allows. */
  k: number;
  /** Tables and notes, once the study is complete. */
  tables?: readonly PrintedTable[];
  notes?: readonly string[];
}

/** Returns a study with another budget, in seconds. The parts that were left out because the time ran out are done later. */
export function extended({ protocols, tables, notes, ...study }: Study, budget: number): Study {
  const trained = Object.entries(study.trained).filter(([, { epochs }]) => epochs > 0);
  const complete =
    trained.length === Object.keys(study.trained).length && protocols !== undefined && protocols.length > 0;
  return {
    ...study,
    settings: { ...study.settings, budget },
    trained: Object.fromEntries(trained),
    protocols: complete ? protocols : undefined,
  };
}

export function studyExists(folder: string): boolean {
  return existsSync(join(folder, FILE));
}

export async function saveStudy(folder: string, study: Study): Promise<void> {
  await writeFileAtomically(join(folder, FILE), [Buffer.from(`${JSON.stringify(study, null, 2)}\n`)]);
}

/** @throws VggError `VGG_RUN` if the folder does not hold a study. */
export async function readStudy(folder: string): Promise<Study> {
  const what = `${folder} is not the folder of a study`;
  let study: Partial<Study>;
  try {
    study = JSON.parse(await readFile(join(folder, FILE), 'utf8')) as Partial<Study>;
  } catch (error) {
    const reason =
      error instanceof SyntaxError ? `its ${FILE} is not JSON` : `expected ${FILE} in it (${systemReason(error)})`;
    throw new VggError('run', `${what}: ${reason}`, { cause: error });
  }
  const complete = study?.settings && study.nets && study.plan && study.paces && study.trained && study.dense;
  if (study?.format !== FORMAT || study.version !== 1 || !complete) {
    throw new VggError('run', `${what} of this version: its ${FILE} lacks format "${FORMAT}", version 1`);
  }
  return study as Study;
}
