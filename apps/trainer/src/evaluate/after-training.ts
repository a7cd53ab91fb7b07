/** What a trained run's best weights get wrong, found when its training has ended; an interruption leaves it for --resume. */
import { type Evaluation, PROTOCOLS, type Protocol, scalesFor } from '@vgg/eval';
import type { RunRecord } from '../run/folder';
import { listenForInterruption } from '../terminal/interruption';
import type { Terminal } from '../terminal/terminal';
import { evaluateRuns } from './evaluate';
import { readEvaluation } from './file';

/** As many validation images as are evaluated densely: enough to look at, little beside an epoch. */
const DENSE_IMAGES = 256;

/** Of the demo every protocol is evaluated, else the dense view alone. */
function protocolsOf({ demo }: RunRecord): readonly Protocol[] {
  return demo === true ? PROTOCOLS : ['dense'];
}

/** Whether it was found before, or there are no images to find it on. */
export async function isEvaluated(path: string, record: RunRecord): Promise<boolean> {
  if (record.images.validation === 0) return true;
  const { rows } = await readEvaluation(path);
  const known = rows.filter(({ of }) => of === 'validation').map(({ protocol }) => protocol);
  return protocolsOf(record).every((protocol) => known.includes(protocol));
}

export interface FinalEvaluation {
  /** To be printed: of the demo. */
  evaluation?: Evaluation;
  /** Once a signal was raised, which ends the program: what it should exit with. */
  exitCode?: number;
}

/**
 * Evaluates the best weights of a run: of the demo under every protocol, else on some images at the run's own scale.
 * @param resumeHint the command that completes what is interrupted.
 */
export async function evaluateBest(
  { path, record, strict, resumeHint }: { path: string; record: RunRecord; strict: boolean; resumeHint: string },
  terminal: Terminal,
): Promise<FinalEvaluation> {
  if (record.images.validation === 0) return {};
  const stopping = `stopping: the run is trained and its weights are saved, their evaluation is not complete; ${resumeHint}`;
  const interruption = listenForInterruption(() => terminal.say(stopping));
  const { scale, crop } = record.transform;
  const some = { scales: scalesFor(scale, 'single', crop), limit: DENSE_IMAGES };
  const request = { split: 'val', strict, protocols: protocolsOf(record), signal: interruption.signal } as const;
  try {
    const evaluation = await evaluateRuns([path], { ...request, ...(record.demo !== true && some) }, terminal);
    const { exitCode } = interruption;
    return { ...(record.demo === true && { evaluation }), ...(exitCode !== undefined && { exitCode }) };
  } catch (error) {
    const { exitCode } = interruption;
    if (exitCode === undefined) throw error;
    return { exitCode };
  } finally {
    interruption.end();
  }
}
