/** Report of a run under way: takes the events of training, and writes the report again from time to time. */
import type { ImageSource } from '@vgg/data';
import { scalesFor } from '@vgg/eval';
import { assemble, progressing } from './assemble';
import type { Activity, LabelledImage, Progressing, ReportData, ResultRow, RunState } from './data';
import { type EvaluationRecord, readEvaluation, writeEvaluation } from './evaluation';
import type { Guesses } from './guesses';
import type { History, MetricsEntry, ValidationMeasures } from './history';
import { writeReport } from './html';
import { firstFilters, mistakesWithImages, trainingCrops } from './image-sections';
import type { LivePage } from './live/live-page';
import type { NetVariables, RunDescription } from './run';
import { historyOf } from './run-folder';

export interface RunReportOptions {
  /** Folder of the run, with `metrics.jsonl` and `evaluation.json`. */
  readonly folder: string;
  /** Path of the report. */
  readonly file: string;
  readonly run: RunDescription;
  /** Net in training. */
  readonly model: NetVariables;
  readonly train: ImageSource;
  readonly validation?: ImageSource | undefined;
  /** Page that shows the report as it changes. */
  readonly livePage?: LivePage | undefined;
  /** Makes the last report, with the best weights and every evaluation. */
  readonly lastReport: (state: RunState) => Promise<ReportData>;
  /** Called when the report cannot be made or written. Training continues. */
  readonly onFailure: (error: unknown) => void;
}

/** Largest part of the time that reports may take, and milliseconds that they may always take. */
const SHARE = 0.01;
const ALLOWANCE = 1000;

export class RunReport {
  readonly #options: RunReportOptions;
  readonly #history: History;
  readonly #crops: readonly LabelledImage[];
  #evaluation: EvaluationRecord;
  #guesses: Guesses | undefined;
  #activity: Activity | null = null;
  #state: RunState = 'training';
  #work: Promise<void> | undefined;
  readonly #start = performance.now();
  /** Milliseconds spent on reports. */
  #spent = 0;

  private constructor(
    options: RunReportOptions,
    history: History,
    evaluation: EvaluationRecord,
    crops: readonly LabelledImage[],
  ) {
    this.#options = options;
    this.#history = history;
    this.#evaluation = evaluation;
    this.#crops = crops;
  }

  /** Starts with the content of the run folder: nothing, or the course of a run that is resumed. */
  static async open(options: RunReportOptions): Promise<RunReport> {
    const { folder, run, train } = options;
    const history = await historyOf(folder, run);
    const evaluation = await readEvaluation(folder);
    const report = new RunReport(options, history, evaluation, await trainingCrops(train, run));
    report.#refresh();
    return report;
  }

  /** Adds a line of the metrics. */
  record(entry: MetricsEntry): void {
    this.#history.add(entry);
    if (entry.type !== 'epoch') return;
    if (entry.best && entry.validation !== undefined) this.#keepBest(entry.validation);
    this.#refresh();
  }

  /** Takes the predictions for the validation images. Call it before `record` of that epoch. */
  validated(guesses: Guesses): void {
    this.#guesses = guesses;
  }

  /** Takes the current activity. */
  set activity(activity: Activity) {
    this.#activity = activity;
    this.#options.livePage?.progress(() => this.#progressing);
  }

  get #progressing(): Progressing {
    return progressing({
      run: this.#options.run,
      history: this.#history,
      state: this.#state,
      activity: this.#activity,
    });
  }

  /** Replaces the evaluations: they are of weights that are no longer the best. */
  #keepBest({ samples, top1, top5 }: ValidationMeasures): void {
    const { transform, classes, validationImages } = this.#options.run;
    const scales = scalesFor(transform.scale, 'single', transform.crop);
    const images = samples ?? validationImages;
    const errors = { top1: top1 ?? null, top5: classes.length > 5 ? (top5 ?? null) : null };
    const row: ResultRow = { protocol: 'single', scales, images, of: 'validation', ...errors };
    this.#evaluation = { version: 1, k: Math.min(5, classes.length), rows: [row], guesses: this.#guesses ?? null };
  }

  /** Makes the report in the background, unless one is being made or was made only recently. */
  #refresh(): void {
    const start = performance.now();
    if (this.#work !== undefined || this.#spent > ALLOWANCE + SHARE * (start - this.#start)) return;
    this.#work = this.#make()
      .catch(this.#options.onFailure)
      .finally(() => {
        this.#work = undefined;
        this.#spent += performance.now() - start;
      });
  }

  async #make(): Promise<void> {
    const { folder, file, run, model, train, validation, livePage } = this.#options;
    const evaluation = this.#evaluation;
    await writeEvaluation(folder, evaluation);
    const data = assemble({
      run,
      history: this.#history,
      state: this.#state,
      activity: this.#activity,
      evaluation,
      images: {
        crops: this.#crops,
        filters: await firstFilters(model),
        mistakes: await mistakesWithImages(evaluation.guesses?.mistakes ?? [], run.classes, validation ?? train),
        heatMaps: [],
        missing: {},
      },
    });
    await writeReport(file, { ...data, activity: null });
    livePage?.report(data);
  }

  /** Writes the last report, with the best weights and every evaluation. */
  async finish(state: 'complete' | 'interrupted'): Promise<void> {
    const { file, livePage, lastReport, onFailure } = this.#options;
    this.#state = state;
    await this.#work;
    try {
      const data = await lastReport(state);
      await writeReport(file, data);
      livePage?.report(data);
    } catch (error) {
      onFailure(error);
    }
  }

  /** Saves the evaluation of the best weights. Call it at the end of training, before they are evaluated further. */
  async settle(): Promise<void> {
    await this.#work;
    this.#state = 'evaluating';
    this.#activity = null;
    await writeEvaluation(this.#options.folder, this.#evaluation).catch(this.#options.onFailure);
  }
}
