/** `evaluate`: measures the error of runs, alone and fused, or of a weight file, under the protocols of section 3.2. */
import { resolve } from 'node:path';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import { type Evaluation, type EvaluationRow, PROTOCOLS, type Protocol } from '@vgg/eval';
import { type DataEvaluation, type EvaluationRequest, evaluateNets } from '../evaluate/evaluate';
import { loadNamed, loadRuns } from '../evaluate/nets';
import { afterFirst, enterJob, startRanks } from '../job/job';
import { print, table } from '../terminal/output';
import { SILENT, type Terminal } from '../terminal/terminal';

/** Arguments of `evaluate`; exactly one of `run` and `weights` is given, and `data` with `weights`. */
export interface EvaluateArguments extends Omit<EvaluationRequest, 'protocols' | 'job' | 'engine'> {
  run?: readonly string[];
  /** A weight file, or a published net's name. */
  weights?: string;
  protocol: Protocol | 'all';
  engine: EngineName | 'auto';
  device?: string;
  ranks?: number;
  hosts?: string;
  mpirun?: string;
  json: boolean;
  quiet: boolean;
}

/** Returns an error in % with two decimals; nothing where there are no labelled images. */
function figure(error: number | null): string {
  return error === null ? '' : error.toFixed(2);
}

/** Returns a share from 0 to 1 in % with one decimal. */
function share(value: number | null): string {
  return value === null ? '' : (100 * value).toFixed(1);
}

function tableRow(row: EvaluationRow, fused: boolean, withTop5: boolean): string[] {
  const { nets, protocol, scales, top1Error, top5Error, f1, calibrationError } = row;
  const name = nets.length > 1 ? `fusion of ${nets.length}` : nets[0]!.split('/').at(-1)!;
  const errors = withTop5 ? [figure(top1Error), figure(top5Error)] : [figure(top1Error)];
  const cells = [protocol, scales.join(', '), ...errors, share(f1), share(calibrationError)];
  return fused ? [name, ...cells] : cells;
}

/** Number of classes up to which all are listed, and number of those listed of more. */
const LISTED = { all: 20, lowest: 10 } as const;

/** Returns precision, recall and F1 of each class, or of the classes with the lowest F1 if there are many. */
function classTable({ nets, protocol, scales, perClass }: EvaluationRow, classes: readonly string[]): string {
  const known = perClass.map((errors, i) => ({ ...errors, name: classes[i]! })).filter(({ images }) => images > 0);
  const few = known.length <= LISTED.all;
  const worst = few ? known : known.sort((a, b) => (a.f1 ?? 0) - (b.f1 ?? 0)).slice(0, LISTED.lowest);
  const which = few ? 'by class' : `the ${LISTED.lowest} of ${known.length} classes with the lowest F1`;
  const of = `${nets.length > 1 ? `fusion of ${nets.length} nets, ` : ''}${protocol}, Q = ${scales.join(', ')}`;
  const rows = worst.map(({ name, images, precision, recall, f1 }) => [
    name,
    String(images),
    ...[precision, recall, f1].map(share),
  ]);
  return `${which} (${of}):\n\n${table(['class', 'images', 'precision %', 'recall %', 'F1 %'], rows)}`;
}

const ABOUT_FIGURES =
  'F1: harmonic mean of precision and recall, averaged over the classes. Calibration error: mean difference between the\n' +
  'probability of the predicted class and the share of right predictions (0: the probabilities can be trusted).';

/** Prints a table as in section 4 of the paper, with a row for each net, protocol and set of scales, and one by class. */
async function printEvaluation(evaluation: Evaluation, classes: readonly string[]): Promise<void> {
  const { images, skipped } = evaluation;
  const fused = evaluation.rows.some(({ nets }) => nets.length > 1);
  const withTop5 = evaluation.rows.some(({ top5Error }) => top5Error !== null);
  const errors = withTop5 ? ['top-1 error %', 'top-5 error %'] : ['top-1 error %'];
  const columns = ['protocol', 'Q', ...errors, 'F1 %', 'calibration error %'];
  const rows = evaluation.rows.map((row) => tableRow(row, fused, withTop5));
  await print(table(fused ? ['net', ...columns] : columns, rows, fused ? 3 : 2));
  await print(`\n${images} images${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}. ${ABOUT_FIGURES}`);
  const whole = evaluation.rows.filter(({ pairs }) => pairs !== null).at(-1);
  if (whole !== undefined && whole.images > 0) await print(`\n${classTable(whole, classes)}`);
}

export async function runEvaluate(options: EvaluateArguments, output: Terminal): Promise<void> {
  const { run = [], weights, protocol, json, engine: name, device, ranks, hosts, mpirun, ...rest } = options;
  if (await startRanks({ ranks, hosts, mpirun, saves: false })) return;
  const job = await enterJob('evaluate', true);
  const terminal = job.rank === 0 ? output : SILENT;
  const engine = describeEngine(await startEngine(name, device));
  terminal.say(engine);
  const evaluated = await afterFirst(job, () =>
    weights === undefined ? loadRuns(run.map((path) => resolve(path))) : loadNamed(weights, terminal),
  );
  let evaluation: DataEvaluation;
  try {
    const protocols = protocol === 'all' ? PROTOCOLS : [protocol];
    evaluation = await evaluateNets(evaluated, { ...rest, protocols, job, engine }, terminal);
  } finally {
    evaluated.dispose();
  }
  if (job.rank > 0) return;
  const { classes } = evaluated;
  if (!json) return printEvaluation(evaluation, classes);
  // Of the confusion matrix only the non-zero entries are printed: for many classes, most are zero.
  const rows = evaluation.rows.map(({ pairs, ...row }) => ({
    ...row,
    perClass: row.perClass.map((errors, i) => ({ name: classes[i], ...errors })),
    confusion: pairs,
  }));
  await print(JSON.stringify({ ...evaluation, rows }, null, 2));
}
