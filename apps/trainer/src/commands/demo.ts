/** The demo's second net, for the fusion of section 4.4, and its table of results. */
import type { Evaluation } from '@vgg/eval';
import { PROTOCOLS, type Protocol } from '@vgg/eval';
import type { RunReport } from '@vgg/report';
import { currentJob } from '../job/job';
import { openRunReport } from '../report/run-report';
import type { TrainArguments } from '../run/arguments';
import { hasRecord, secondRunOf } from '../run/folder';
import { type Prepared, prepareSecond } from '../run/prepare';
import { prepareResumed } from '../run/resume';
import { trainPrepared } from '../run/train';
import { COMMAND } from '../terminal/command';
import { print, shellWord, table } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

/** Returns true for a run of the demo that gets a second net: not for a smoke run, nor for a job of several processes. */
export function hasSecondNet({ record }: Pick<Prepared, 'record'>, { smoke }: Pick<TrainArguments, 'smoke'>): boolean {
  return record.demo === true && smoke !== true && currentJob().size === 1;
}

/** The second run of the demo. */
export interface SecondRun {
  readonly path: string;
  readonly report: RunReport;
  /** True if its training was interrupted. */
  readonly isInterrupted: boolean;
  /** Exit code of the program after a signal. */
  readonly exitCode: number | undefined;
}

/** Trains the second net of the demo, or continues its training: the same net with other random numbers. */
export async function trainSecond(first: Prepared, options: TrainArguments, terminal: Terminal): Promise<SecondRun> {
  const path = secondRunOf(first.folder.path);
  terminal.say('the demo fuses two nets (section 4.4): the second is the same net with other random numbers');
  const prepared = hasRecord(path)
    ? await prepareResumed(path, { ...options, movedData: undefined, moreEpochs: undefined }, terminal)
    : await prepareSecond(first, path, options, terminal);
  const { result, report, exitCode } = await trainPrepared(prepared, options, terminal, () =>
    openRunReport(prepared, terminal),
  );
  return { path, report, isInterrupted: result.reason === 'interrupted', exitCode };
}

/** Headings of the protocols. */
const HEADINGS: Readonly<Record<Protocol, string>> = {
  single: 'one crop',
  dense: 'dense',
  'multi-crop': 'multi-crop',
  both: 'dense and multi-crop',
};

/** Returns the table of the demo: a row for each net and set of scales, a column for each protocol. */
export function demoTable({ rows }: Evaluation): string {
  const lines = new Map<string, string[]>();
  const alone = [...new Set(rows.flatMap(({ nets }) => nets))];
  for (const { nets, scales, protocol, top1Error } of rows) {
    const net = nets.length > 1 ? 'both nets' : ['first net', 'second net'][alone.indexOf(nets[0]!)]!;
    const key = JSON.stringify([net, scales]);
    const line = lines.get(key) ?? [alone.length > 1 ? net : 'net', scales.join(', ')];
    line[2 + PROTOCOLS.indexOf(protocol)] = top1Error === null ? '' : top1Error.toFixed(2);
    lines.set(key, line);
  }
  return table(['top-1 error %', 'Q', ...PROTOCOLS.map((protocol) => HEADINGS[protocol])], [...lines.values()], 2);
}

/** Prints the results of the demo. */
export async function printDemo(evaluation: Evaluation, paths: readonly string[]): Promise<void> {
  const runs = paths.map((path) => `--run ${shellWord(path)}`).join(' ');
  const deviation = 100 * Math.sqrt((0.1 * 0.9) / evaluation.images);
  await print(`
${demoTable(evaluation)}

${evaluation.images} images: the standard error of 10 % is ${deviation.toFixed(1)} %. In the paper, dense and multi-crop evaluation beat one crop, and both
together beat each (Table 5); several Q beat one (Table 4); the fusion of nets beats each of them (Table 6). Top-5 error, F1,
calibration and classes: ${COMMAND} evaluate ${runs} --protocol all`);
}
