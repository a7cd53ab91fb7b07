/** Nets to evaluate or to predict with: runs, fused if there are several, or the net of a weight file. */

import { basename, dirname } from 'node:path';
import { tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { type EvaluatedNet, evaluatedNet, scalesFor } from '@vgg/eval';
import type { Vgg } from '@vgg/models';
import { isPredictorFile } from '@vgg/transfer/node';
import { currentJob } from '../job/job';
import { usableNet } from '../nets/named-net';
import { findNet } from '../nets/reference';
import { MODEL } from '../nets/run-files';
import { hasRecord, type LoadedRun, loadRun, readRecord } from '../run/folder';
import type { Terminal } from '../terminal/terminal';

/** One net, or several to fuse, with their classes and test scales. The caller disposes them. */
export interface Evaluated {
  /** Name of the first net in messages. */
  readonly name: string;
  readonly nets: readonly EvaluatedNet<Vgg>[];
  /** Class names in the order of the outputs. */
  readonly classes: readonly string[];
  /** The paper's test scales for the first net's training scale; each net has those for its own. */
  readonly scales: readonly number[];
  /** The runs of the nets; empty for a weight file. */
  readonly runs: readonly LoadedRun[];
  /** Runs that trained the nets: the runs themselves, or the one that a weight file belongs to. */
  readonly trained: readonly Pick<LoadedRun, 'path' | 'record'>[];
  dispose(): void;
}

/**
 * Loads runs. A run that is named twice is loaded once.
 * @throws VggError as `loadRun`.
 */
export async function loadRuns(paths: readonly string[]): Promise<Evaluated> {
  const runs: LoadedRun[] = [];
  try {
    for (const path of new Set(paths)) runs.push(await loadRun(path));
  } catch (error) {
    for (const { model } of runs) model.dispose();
    throw error;
  }
  return evaluatedRuns(runs);
}

/** Returns the nets of loaded runs, each with its own scales. */
export function evaluatedRuns(runs: readonly LoadedRun[]): Evaluated {
  const [{ path, record }] = runs as [LoadedRun];
  const scalesOf = ({ record: { transform } }: LoadedRun) => scalesFor(transform.scale, 'multi', transform.crop);
  return {
    name: path,
    runs,
    trained: runs,
    dispose: () => {
      for (const { model } of runs) model.dispose();
    },
    classes: record.classes,
    scales: scalesOf(runs[0]!),
    nets: runs.map((run) => {
      return { name: run.path, model: run.model, mean: run.record.transform.mean, scales: scalesOf(run) };
    }),
  };
}

/** Gives the net of every rank the weights of rank 0's, which alone has the run folder. */
export async function shareWeights({ variables }: Vgg): Promise<void> {
  const job = currentJob();
  if (job.size === 1) return;
  for (const variable of variables.values()) {
    const numbers = (await variable.data()) as Float32Array;
    await job.broadcast(numbers, 0);
    if (job.rank > 0) tidy(() => variable.assign(tensor(numbers, variable.shape)));
  }
}

/** Returns the nets with test scales that replace their own, if any are given. */
export function withScales(
  nets: readonly EvaluatedNet<Vgg>[],
  scales: readonly number[] | undefined,
): readonly EvaluatedNet<Vgg>[] {
  return scales === undefined ? nets : nets.map((net) => ({ ...net, scales }));
}

/** Returns the run whose weights a text names: the run itself, or its weight file. */
async function runsOf(text: string): Promise<Evaluated['trained']> {
  const reference = findNet(text);
  const folder =
    reference?.kind === 'file' && basename(reference.path) === MODEL
      ? dirname(reference.path)
      : reference?.kind === 'run' && reference.folder;
  return folder && hasRecord(folder) ? [{ path: folder, record: await readRecord(folder) }] : [];
}

/** Returns the path of the file that a text names if `transfer` wrote it, else undefined. */
export async function predictorFile(text: string): Promise<string | undefined> {
  const reference = findNet(text);
  return reference?.kind === 'file' && (await isPredictorFile(reference.path)) ? reference.path : undefined;
}

/**
 * Loads the net of a weight file of any framework, or a published net, which is downloaded. It uses its own preprocessing.
 * @throws VggError as `usableNet`; `VGG_ARGUMENT` for a predictor of `transfer`, whose classes are not the net's.
 */
export async function loadNamed(text: string, terminal: Terminal): Promise<Evaluated> {
  if ((await predictorFile(text)) !== undefined) {
    throw new VggError('argument', `${text} is a predictor of transfer: use predict, or transfer, which measures it`);
  }
  const net = await usableNet(text, terminal);
  const { classes, model, transform } = net;
  return {
    name: text,
    runs: [],
    trained: await runsOf(text),
    classes,
    scales: scalesFor(transform.scale, 'multi', transform.crop),
    nets: [evaluatedNet(text, net)],
    dispose: () => model.dispose(),
  };
}
