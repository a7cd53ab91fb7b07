/** `evaluate`: measures the error of runs, alone and fused, or of a weight file, under the protocols of section 3.2. */
import { resolve } from 'node:path';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import { type Evaluation, type EvaluationRow, PROTOCOLS, type Protocol } from '@vgg/eval';
import { type DataEvaluation, type EvaluationRequest, evaluateNets } from '../evaluate/evaluate';
import { loadNamed, loadRuns } from '../evaluate/nets';
import { print, table } from '../terminal/output';
import { createTerminal } from '../terminal/terminal';

/** Arguments of `evaluate`; exactly one of `run` and `weights` is given, and `data` with `weights`. */
export interface EvaluateArguments extends Omit<EvaluationRequest, 'protocols'> {
  run?: readonly string[];
  /** A weight file, or a published net's name. */
  weights?: string;
  protocol: Protocol | 'all';
  engine: EngineName | 'auto';
  device?: string;
  json: boolean;
  quiet: boolean;
}

function figure(error: number | null): string {
  return error === null ? '' : error.toFixed(2);
}

function tableRow({ nets, protocol, scales, top1Error, top5Error, perClass }: EvaluationRow, fused: boolean): string[] {
  const name = nets.length > 1 ? `fusion of ${nets.length}` : nets[0]!.split('/').at(-1)!;
  const cells = [protocol, scales.join(', '), figure(top1Error), ...(perClass.length > 5 ? [figure(top5Error)] : [])];
  return fused ? [name, ...cells] : cells;
}

/** Prints a table as in section 4 of the paper: a row for each net, protocol and set of scales. */
export async function printEvaluation(evaluation: Evaluation): Promise<void> {
  const fused = evaluation.rows.some(({ nets }) => nets.length > 1);
  // With five classes or fewer, the top-5 error is always 0.
  const columns = [
    'protocol',
    'Q',
    'top-1 error %',
    ...(evaluation.classes > 5 ? [`top-${evaluation.k} error %`] : []),
  ];
  const rows = evaluation.rows.map((row) => tableRow(row, fused));
  await print(table(fused ? ['net', ...columns] : columns, rows, fused ? 2 : 1));
  const { images, skipped } = evaluation;
  await print(`\n${images} images${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
}

export async function runEvaluate(options: EvaluateArguments): Promise<void> {
  const { run = [], weights, protocol, json, engine, device, quiet, ...rest } = options;
  const terminal = createTerminal({ stream: process.stderr, quiet });
  terminal.say(describeEngine(await startEngine(engine, device)));
  const evaluated = await (weights === undefined
    ? loadRuns(run.map((path) => resolve(path)))
    : loadNamed(weights, terminal));
  let evaluation: DataEvaluation;
  try {
    const protocols = protocol === 'all' ? PROTOCOLS : [protocol];
    evaluation = await evaluateNets(evaluated, { ...rest, protocols }, terminal);
  } finally {
    evaluated.dispose();
  }
  const { classes } = evaluated;
  if (!json) return printEvaluation(evaluation);
  // Of the confusion matrix only the non-zero entries are printed: for many classes, most are zero.
  const rows = evaluation.rows.map(({ pairs, ...row }) => ({
    ...row,
    perClass: row.perClass.map((errors, i) => ({ name: classes[i], ...errors })),
    confusion: pairs,
  }));
  await print(JSON.stringify({ ...evaluation, rows }, null, 2));
}
