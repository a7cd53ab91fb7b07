/** File of a study, `paper.json`: its settings, its plan, its course so far, and its tables once it is complete. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason, writeFileAtomically } from '@vgg/core/node';
import type { EngineName } from '@vgg/engine';
import type { ConfigurationName } from '@vgg/models';
import type { Recipe, Settings } from '@vgg/recipes';
import type { BarChart, PrintedTable } from '@vgg/report';
import {
  type Allotment,
  type ImageCounts,
  NetScores,
  type NetTime,
  type PaperScale,
  type StudyCosts,
  type StudyNet,
  StudyResults,
} from '@vgg/study';
import type { Environment } from '../run/environment';
import type { DECIDED_BY_STUDY } from './decided';

const FORMAT = 'vgg-paper';
const VERSION = 2;
const FILE = 'paper.json';

/** Settings that all nets of a study share. */
export type StudySettings = Omit<Settings, (typeof DECIDED_BY_STUDY)[number] | 'batch' | 'input'> & {
  batch: number;
  /** Side of the square crop: the scales of the paper are in proportion to it. */
  input: number;
  /** Absolute path of the images, or name of a public data set. */
  data: string;
  configs: readonly ConfigurationName[];
  scales: readonly PaperScale[];
  /** Largest number of random seeds. */
  seeds: number;
  /** True if every net starts from random weights. */
  fromScratch: boolean;
  /** Time budget in seconds. */
  budget: number;
};

export interface Study {
  format: typeof FORMAT;
  version: typeof VERSION;
  created: string;
  engine: EngineName;
  environment: Environment;
  settings: StudySettings;
  /** Resolved settings of the first net. */
  recipe: Recipe;
  classes: number;
  images: ImageCounts;
  nets: readonly StudyNet[];
  /** Measured times of each configuration. */
  times: Record<string, NetTime>;
  plan: Allotment;
  /** Seconds of the budget that are spent. */
  spent: number;
  /**
   * Each net whose training has ended: epochs, 0 for a net that was left out; seconds of training and in all; true if early stopping
   * or the plateau schedule ended it.
   */
  trained: Record<string, { epochs: number; seconds: number; whole: number; endedEarly?: boolean }>;
  /** Seconds of training of a net before it was interrupted. */
  interrupted: Record<string, number>;
  /** True once the nets of Tables 5 and 6 are evaluated. */
  evaluated: boolean;
  /** Tables, charts and notes, once the study is complete. */
  tables?: readonly PrintedTable[];
  charts?: readonly BarChart[];
  notes?: readonly string[];
}

export function costsOf({ times, images, settings }: Pick<Study, 'times' | 'images' | 'settings'>): StudyCosts {
  const { input, batch, epochs } = settings;
  return { times, images, input, batch, epochs };
}

/** Returns true if a net was trained, not left out. */
export function isTrained({ trained }: Study, { name }: Pick<StudyNet, 'name'>): boolean {
  return (trained[name]?.epochs ?? 0) > 0;
}

/** Returns a study with another budget, in seconds. The parts that were left out because the time ran out are done later. */
export function extended({ tables: _tables, charts: _charts, notes: _notes, ...study }: Study, budget: number): Study {
  const trained = Object.entries(study.trained).filter(([, { epochs }]) => epochs > 0);
  return { ...study, settings: { ...study.settings, budget }, trained: Object.fromEntries(trained), evaluated: false };
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
  const complete = study?.settings && study.nets && study.plan && study.times && study.trained;
  if (study?.format !== FORMAT || study.version !== VERSION || !complete) {
    throw new VggError('run', `${what} of this version: its ${FILE} lacks format "${FORMAT}", version ${VERSION}`);
  }
  return study as Study;
}

export function runOf(folder: string, net: string): string {
  return join(folder, 'nets', net);
}

const scoresFile = (folder: string, net: string) => join(runOf(folder, net), 'posteriors.safetensors');

/** Reads the posteriors of a net on the validation images; undefined if it is not evaluated. */
export async function readScores(folder: string, net: string): Promise<NetScores | undefined> {
  const file = scoresFile(folder, net);
  return existsSync(file) ? NetScores.parse(await readFile(file), file) : undefined;
}

export async function saveScores(folder: string, net: string, scores: NetScores): Promise<void> {
  await writeFileAtomically(scoresFile(folder, net), [scores.serialise()]);
}

/** Reads the results of the trained nets. */
export async function resultsOf(folder: string, study: Study): Promise<StudyResults> {
  const scores = new Map<string, NetScores>();
  for (const net of study.nets.filter((one) => isTrained(study, one))) {
    const own = await readScores(folder, net.name);
    if (own !== undefined) scores.set(net.name, own);
  }
  return new StudyResults(study.nets, scores);
}
