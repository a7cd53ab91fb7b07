/** Puts the parts of a run's report into the one object that the page draws. */
import type { Activity, Headline, Progressing, ReportData, RunState, Section } from './data';
import type { EvaluationRecord } from './evaluation';
import { classTable, confusionMatrix } from './guesses';
import type { History } from './history';
import { shorten } from './image-sections';
import type { RunDescription } from './run';

/** Image sections, and the reasons why some are empty. */
export type ImageSections = Pick<ReportData, 'mistakes' | 'heatMaps' | 'crops' | 'filters' | 'missing'>;

/** Progress of a run, from which the changing parts of its report follow. */
export interface Progress {
  readonly run: Pick<RunDescription, 'epochs'>;
  readonly history: History;
  readonly state: RunState;
  readonly activity: Activity | null;
}

export interface Parts extends Progress {
  readonly run: RunDescription;
  readonly evaluation: EvaluationRecord;
  readonly images: ImageSections;
}

function headline({ run, history, state }: Progress): Headline {
  const { computing, waiting, validating, saving } = history.time;
  return {
    state,
    epoch: history.epoch,
    epochs: run.epochs,
    best: history.best,
    seconds: computing + waiting + validating + saving,
    imagesPerSecond: history.meanImagesPerSecond,
  };
}

/** Returns the parts of a report that change with every step. */
export function progressing(progress: Progress): Progressing {
  const { history, activity } = progress;
  return { headline: headline(progress), curves: history.curves, time: { ...history.time }, activity };
}

/** Returns the reasons why sections are empty. */
function missingSections({ evaluation, images, run, state }: Parts): ReportData['missing'] {
  const missing: Partial<Record<Section, string>> = {};
  const active = state === 'training' || state === 'evaluating';
  if (evaluation.rows.length === 0) {
    missing.results = active
      ? 'The net is evaluated at the end of training.'
      : `The net has not been evaluated. To evaluate it, run “${run.evaluateCommand}”.`;
  }
  if (evaluation.guesses === null) {
    let reason = active ? 'Shown after the first epoch.' : 'The net has not been evaluated.';
    if (run.validationImages === 0) reason = 'The run has no validation images.';
    missing.confusion = reason;
    missing.mistakes = reason;
  } else if (evaluation.guesses.mistakes.length === 0) {
    missing.mistakes = `All ${evaluation.guesses.images} images were recognised.`;
  }
  if (images.heatMaps.length === 0 && active) missing.heatMaps = 'Made at the end of training.';
  return { ...missing, ...images.missing };
}

/** Returns the report of a run from its parts. */
export function assemble(parts: Parts): ReportData {
  const { run, evaluation, images } = parts;
  const { guesses } = evaluation;
  const names = run.classes.map((name) => shorten(name));
  return {
    kind: 'run',
    name: run.name,
    summary: run.summary,
    made: new Date().toISOString(),
    classes: run.classes.length,
    k: evaluation.k,
    ...progressing(parts),
    results: evaluation.rows,
    confusion: guesses === null ? null : confusionMatrix(guesses, names),
    perClass: guesses === null ? null : classTable(guesses, names),
    mistakes: images.mistakes,
    heatMaps: images.heatMaps,
    crops: images.crops,
    filters: images.filters,
    facts: run.facts,
    missing: missingSections(parts),
  };
}
