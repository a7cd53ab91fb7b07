/**
 * A study on several ranks. Rank 0 carries it out, by its own clock, and alone has its folder; the others train and evaluate with it, as
 * it says before each step.
 */
import { gather, isVggError } from '@vgg/core';
import { listenForInterruption } from '@vgg/core/node';
import type { ImageSource } from '@vgg/data';
import { startEngine } from '@vgg/engine';
import { createVgg, zeroInitialiser } from '@vgg/models';
import { evaluatedRuns, shareWeights } from '../evaluate/nets';
import { currentJob } from '../job/job';
import type { SessionArguments } from '../run/arguments';
import { joinTraining } from '../run/train';
import { SILENT } from '../terminal/terminal';
import { scoredSource, scoresOf } from './score';
import { openImages } from './start';
import { type Opening, requireSameImages, type Step } from './step';

/** Takes part in the steps of a study as a rank other than the first. */
export async function joinStudy(session: SessionArguments): Promise<void> {
  const job = currentJob();
  // A signal to this rank ends a net's training on all; otherwise rank 0 alone heeds signals.
  const interruption = listenForInterruption(() => {});
  try {
    const [opening] = (await gather<Opening | null>(job, null)) as [Opening];
    const { data } = await openImages(opening.images, SILENT);
    const { name } = await startEngine(opening.engine, session.device);
    await requireSameImages(data.validation, name);
    for (;;) {
      const [step] = (await gather<Step | null>(job, null)) as [Step];
      if (step.kind === 'end') return;
      if (step.kind === 'train') (await joinTraining(session)).model.dispose();
      else await joinScoring(step, data.validation);
    }
  } finally {
    interruption.end();
  }
}

async function joinScoring(
  { run, record, scoring }: Extract<Step, { kind: 'score' }>,
  validation: ImageSource,
): Promise<void> {
  const evaluated = evaluatedRuns([{ path: run, record, model: createVgg(record.net, zeroInitialiser()) }]);
  const [net] = evaluated.nets;
  try {
    await shareWeights(net!.model);
    await scoresOf(net!, scoredSource(validation, scoring), { ...scoring, communicator: currentJob() });
  } catch (error) {
    // A signal has ended the evaluation on rank 0, or another rank has failed and ends the job.
    if (!isVggError(error) || error.details.rank === undefined) throw error;
  } finally {
    evaluated.dispose();
  }
}
