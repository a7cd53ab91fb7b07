/** The report of a run under way: takes in what happens, and writes `report.html` anew now and then. */
import { join } from 'node:path';
import type { ImageSource } from '@vgg/data';
import { scalesFor } from '@vgg/eval';
import type { Vgg } from '@vgg/models';
import type { Validation } from '@vgg/train';
import { type EvaluationRecord, readEvaluation, writeEvaluation } from '../evaluate/file';
import type { RunRecord } from '../run/folder';
import type { LivePage } from '../ui/live-page';
import { assemble, progressing } from './assemble';
import type { Activity, LabelledPicture, Progressing, RunState } from './data';
import { firstFilters, mistakesShown, trainingCrops } from './gather';
import type { Guesses } from './guesses';
import { type History, type MetricsEntry, readHistory } from './history';
import { batchesPerEpoch, REPORT, reportOf, writeReport } from './make';

export interface RunReportOptions {
  readonly path: string;
  readonly record: RunRecord;
  readonly model: Pick<Vgg, 'variables'>;
  readonly train: ImageSource;
  readonly validation?: ImageSource | undefined;
  /** Shows it all as it changes. */
  readonly livePage?: LivePage | undefined;
  /** Told when the report cannot be made or written: training goes on. */
  readonly onFailure: (error: unknown) => void;
}

/** How much of the time goes into reports at most, and what they may take besides, in milliseconds: the first ones. */
const SHARE = 0.01;
const ALLOWANCE = 1000;

export class RunReport {
  readonly #options: RunReportOptions;
  readonly #history: History;
  readonly #crops: readonly LabelledPicture[];
  #evaluation: EvaluationRecord;
  #validated: Guesses | undefined;
  #activity: Activity | null = null;
  #state: RunState = 'training';
  #work: Promise<void> | undefined;
  readonly #begun = performance.now();
  /** Milliseconds that went into reports. */
  #spent = 0;

  private constructor(
    options: RunReportOptions,
    known: { history: History; evaluation: EvaluationRecord; crops: readonly LabelledPicture[] },
  ) {
    this.#options = options;
    this.#history = known.history;
    this.#evaluation = known.evaluation;
    this.#crops = known.crops;
  }

  /** Begins with what the run folder holds: nothing, or the course of a run that is resumed. */
  static async open(options: RunReportOptions): Promise<RunReport> {
    const { path, record, train } = options;
    const history = await readHistory(join(path, 'metrics.jsonl'), batchesPerEpoch(record));
    const evaluation = await readEvaluation(path);
    const report = new RunReport(options, { history, evaluation, crops: await trainingCrops(train, record) });
    report.#refresh();
    return report;
  }

  /** Takes in a line of the metrics. */
  record(entry: MetricsEntry): void {
    this.#history.add(entry);
    if (entry.type !== 'epoch') return;
    if (entry.best && entry.validation !== undefined) this.#keepBest(entry.validation);
    this.#refresh();
  }

  /** What the net took the validation images for, told before the epoch's own line. */
  validated(guesses: Guesses): void {
    this.#validated = guesses;
  }

  /** Takes in what goes on at the moment. */
  set activity(activity: Activity) {
    this.#activity = activity;
    this.#options.livePage?.progress(() => this.#progressing);
  }

  get #progressing(): Progressing {
    return progressing({
      ...{ record: this.#options.record, history: this.#history, state: this.#state, activity: this.#activity },
    });
  }

  /** What was known was of weights that are the best no more. */
  #keepBest({ samples, top1, top5 }: Validation): void {
    const { record } = this.#options;
    const { crop, scale } = record.transform;
    const row = { protocol: 'single', scales: scalesFor(scale, 'single', crop), of: 'validation' };
    this.#evaluation = {
      version: 1,
      k: Math.min(5, record.classes.length),
      rows: [{ ...row, images: samples, top1, top5 }],
      guesses: this.#validated ?? null,
    };
  }

  /** Makes the report in the background, unless one is in the making or has only just been made. */
  #refresh(): void {
    const begun = performance.now();
    if (this.#work !== undefined || this.#spent > ALLOWANCE + SHARE * (begun - this.#begun)) return;
    this.#work = this.#make()
      .catch(this.#options.onFailure)
      .finally(() => {
        this.#work = undefined;
        this.#spent += performance.now() - begun;
      });
  }

  async #make(): Promise<void> {
    const { path, record, model, train, validation, livePage } = this.#options;
    const evaluation = this.#evaluation;
    await writeEvaluation(path, evaluation);
    const data = assemble({
      ...{ path, record, evaluation, history: this.#history, state: this.#state, activity: this.#activity },
      pictures: {
        crops: this.#crops,
        filters: await firstFilters(model),
        mistakes: await mistakesShown(evaluation.guesses?.mistakes ?? [], record.classes, validation ?? train),
        heatMaps: [],
        missing: {},
      },
    });
    await writeReport(join(path, REPORT), { ...data, activity: null });
    livePage?.report(data);
  }

  /** Makes the last report, of a run that has ended: with the best weights, and what was evaluated since. */
  async finish(state: 'complete' | 'interrupted'): Promise<void> {
    const { path, livePage, onFailure } = this.#options;
    this.#state = state;
    await this.#work;
    try {
      const data = await reportOf(path, state);
      await writeReport(join(path, REPORT), data);
      livePage?.report(data);
    } catch (error) {
      onFailure(error);
    }
  }

  /** Keeps what is known of the best weights, before they are evaluated further. */
  async settle(): Promise<void> {
    await this.#work;
    this.#state = 'evaluating';
    this.#activity = null;
    await writeEvaluation(this.#options.path, this.#evaluation).catch(this.#options.onFailure);
  }
}
