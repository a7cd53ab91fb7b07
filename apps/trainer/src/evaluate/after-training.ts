/** Evaluates the best weights of a run at the end of its training. After an interruption, `--resume` completes this. */
import { listenForInterruption } from '@vgg/core/node';
import { type Evaluation, PROTOCOLS, type Protocol, scalesFor } from '@vgg/eval';
import { readEvaluation } from '@vgg/report';
import type { RunRecord } from '../run/folder';
import type { Terminal } from '../terminal/terminal';
import { type EvaluationRequest, evaluateRuns } from './evaluate';

/** Number of validation images that are evaluated densely: enough for the report, and short next to an epoch. */
const DENSE_IMAGES = 256;

/** Returns every protocol for the demo, else the dense one. */
function protocolsOf({ demo }: RunRecord): readonly Protocol[] {
  return demo === true ? PROTOCOLS : ['dense'];
}

/** Returns true if the run was evaluated, or has no images for it. */
export async function isEvaluated(path: string, record: RunRecord): Promise<boolean> {
  if (record.images.validation === 0) return true;
  const { rows } = await readEvaluation(path);
  const known = rows.filter(({ of }) => of === 'validation').map(({ protocol }) => protocol);
  return protocolsOf(record).every((protocol) => known.includes(protocol));
}

export interface FinalEvaluation {
  /** Evaluation to print, for the demo only. */
  evaluation?: Evaluation | undefined;
  /** Exit code of the program after a signal. */
  exitCode?: number | undefined;
}

/** A run whose best weights are evaluated. */
interface EvaluatedRun {
  path: string;
  /** Folder of a run to fuse it with. */
  second?: string | undefined;
  record: RunRecord;
  strict: boolean;
  /** Command that completes an interrupted evaluation. */
  resumeHint: string;
}

/** Evaluates the best weights of a run: the demo under every protocol, other runs on some images at their own scale. */
export async function evaluateBest(
  { path, second, record, strict, resumeHint }: EvaluatedRun,
  terminal: Terminal,
): Promise<FinalEvaluation> {
  if (record.images.validation === 0) return {};
  const stopping = `stopping: the run is trained and its weights are saved, their evaluation is not complete; ${resumeHint}`;
  const interruption = listenForInterruption(() => terminal.say(stopping));
  const { scale, crop } = record.transform;
  const demo = record.demo === true;
  const request: EvaluationRequest = {
    split: 'val',
    strict,
    protocols: protocolsOf(record),
    scales: demo ? undefined : scalesFor(scale, 'single', crop),
    limit: demo ? undefined : DENSE_IMAGES,
    signal: interruption.signal,
  };
  try {
    const evaluation = await evaluateRuns(second === undefined ? [path] : [path, second], request, terminal);
    return { evaluation: demo ? evaluation : undefined, exitCode: interruption.exitCode };
  } catch (error) {
    const { exitCode } = interruption;
    if (exitCode === undefined) throw error;
    return { exitCode };
  } finally {
    interruption.end();
  }
}
