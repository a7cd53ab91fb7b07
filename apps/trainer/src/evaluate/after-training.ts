/**
 * Evaluates the best weights of a run at the end of its training, on all ranks of its job. After an interruption, `--resume` completes
 * this.
 */
import { gather, isVggError } from '@vgg/core';
import { listenForInterruption } from '@vgg/core/node';
import { spread } from '@vgg/data';
import { type Evaluation, PROTOCOLS, type Protocol, scalesFor } from '@vgg/eval';
import { readEvaluation } from '@vgg/report';
import { currentJob } from '../job/job';
import type { RunRecord } from '../run/folder';
import type { Prepared } from '../run/prepare';
import { SILENT, type Terminal } from '../terminal/terminal';
import { type EvaluationRequest, evaluateNets } from './evaluate';
import { openImages } from './images';
import { evaluatedRuns, loadRuns, shareWeights } from './nets';

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

/** Says to the other ranks which run is evaluated; null for none. Rank 0 alone knows what was evaluated before. */
async function announce(path: string | null): Promise<string | null> {
  const [first] = await gather(currentJob(), path);
  return first ?? null;
}

/** Says to the other ranks that the run was evaluated before. */
export async function skipEvaluation({ images }: RunRecord): Promise<void> {
  if (images.validation > 0) await announce(null);
}

function requestOf(record: RunRecord, strict: boolean, signal: AbortSignal): EvaluationRequest {
  const { scale, crop } = record.transform;
  const demo = record.demo === true;
  return {
    split: 'val',
    strict,
    protocols: protocolsOf(record),
    scales: demo ? undefined : scalesFor(scale, 'single', crop),
    limit: demo ? undefined : DENSE_IMAGES,
    signal,
    job: currentJob(),
  };
}

/**
 * Returns the exit code of the program if a signal to any rank has ended the evaluation.
 * @throws `error` otherwise.
 */
async function exitCodeOf(error: unknown, own: number | undefined): Promise<number | undefined> {
  const ofAnother = isVggError(error) && error.details.rank !== undefined;
  if (own === undefined && !ofAnother) throw error;
  // A rank that has failed does not come here: it ends the job.
  const codes = await gather(currentJob(), own ?? null);
  return codes.find((code) => code !== null) ?? undefined;
}

/** Evaluates the best weights of a run: the demo under every protocol, other runs on some images at their own scale. */
export async function evaluateBest(
  { path, second, record, strict, resumeHint }: EvaluatedRun,
  terminal: Terminal,
): Promise<FinalEvaluation> {
  if (record.images.validation === 0) return {};
  await announce(path);
  const stopping = `stopping: the run is trained and its weights are saved, their evaluation is not complete; ${resumeHint}`;
  const interruption = listenForInterruption(() => terminal.say(stopping));
  const request = requestOf(record, strict, interruption.signal);
  // A second run is one of a single process.
  const evaluated = await loadRuns(second === undefined ? [path] : [path, second]);
  try {
    const images = await openImages(evaluated, request, terminal);
    await shareWeights(evaluated.nets[0]!.model);
    const evaluation = await evaluateNets(evaluated, { ...request, images }, terminal);
    return { evaluation: record.demo === true ? evaluation : undefined, exitCode: interruption.exitCode };
  } catch (error) {
    return { exitCode: await exitCodeOf(error, interruption.exitCode) };
  } finally {
    interruption.end();
    evaluated.dispose();
  }
}

/** Takes part in the evaluation as a rank other than the first, with the images that it has for training. */
export async function joinEvaluation(
  { record, data, model }: Pick<Prepared, 'record' | 'data' | 'model'>,
  strict: boolean,
): Promise<void> {
  if (data.validation === undefined) return;
  const path = await announce(null);
  if (path === null) return;
  const interruption = listenForInterruption(() => {});
  const request = requestOf(record, strict, interruption.signal);
  const source = request.limit === undefined ? data.validation : spread(data.validation, request.limit);
  const images = { of: 'validation', data: record.recipe.data, part: 'validation', source };
  try {
    await shareWeights(model);
    await evaluateNets(evaluatedRuns([{ path, record, model }]), { ...request, images }, SILENT);
  } catch (error) {
    await exitCodeOf(error, interruption.exitCode);
  } finally {
    interruption.end();
  }
}
