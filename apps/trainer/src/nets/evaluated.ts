/** Nets that are used, not trained: runs, fused, or the net of a weight file; with their classes and their own test scales. */
import { type EvaluatedNet, evaluatedNet, scalesFor } from '@vgg/eval';
import { type LoadedRun, loadRun } from '../run/folder';
import type { Terminal } from '../terminal/terminal';
import { usableNet } from './named-net';

/** One net, or several to fuse. The caller disposes them. */
export interface Evaluated {
  /** What messages call the first. */
  readonly name: string;
  readonly nets: readonly EvaluatedNet[];
  /** Class names in the order of the outputs. */
  readonly classes: readonly string[];
  /** The paper's test scales for the first net's training scale. */
  readonly scales: readonly number[];
  /** The runs whose nets these are; none for a weight file. */
  readonly runs: readonly LoadedRun[];
  dispose(): void;
}

/**
 * Loads runs, one after the other; each once, if one is named twice.
 * @throws VggError as `loadRun`.
 */
export async function loadRuns(paths: readonly string[]): Promise<Evaluated> {
  const runs: LoadedRun[] = [];
  const dispose = () => {
    for (const { model } of runs) model.dispose();
  };
  try {
    for (const path of new Set(paths)) runs.push(await loadRun(path));
  } catch (error) {
    dispose();
    throw error;
  }
  const [{ path, record }] = runs as [LoadedRun];
  const { scale, crop } = record.transform;
  return {
    ...{ name: path, runs, dispose, classes: record.classes, scales: scalesFor(scale, 'multi', crop) },
    nets: runs.map((run) => ({ name: run.path, model: run.model, mean: run.record.transform.mean })),
  };
}

/**
 * Loads the net of a weight file of any framework, or a published one, which is fetched; its preprocessing is its own.
 * @throws VggError as `usableNet`.
 */
export async function loadWeights(word: string, terminal: Terminal): Promise<Evaluated> {
  const net = await usableNet(word, terminal);
  const { classes, model, transform } = net;
  return {
    ...{ name: word, runs: [], classes, scales: scalesFor(transform.scale, 'multi', transform.crop) },
    nets: [evaluatedNet(word, net)],
    dispose: () => model.dispose(),
  };
}
