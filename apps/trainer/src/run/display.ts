/** Turns the events of training into progress, log lines and lines of `metrics.jsonl`. */
import type { Activity } from '@vgg/report';
import { type MetricsEntry, RunPace, type TrainEvent, type Validation } from '@vgg/train';
import type { Progress, Terminal, Whole } from '../terminal/terminal';
import { duration } from '../terminal/terminal';

/** Options of {@link trainingDisplay}. */
export interface DisplayOptions {
  terminal: Terminal;
  /** Records one line of the metrics. */
  record: (entry: MetricsEntry) => void;
  /** Called with the current activity whenever it changes. */
  onActivity?: (activity: Activity) => void;
  epochs: number;
  /** Epochs between validations. */
  validateEvery: number;
  /** Largest number of steps of the run. */
  maxSteps?: number | undefined;
  batchesPerEpoch: number;
  batch: number;
  validationImages: number;
  /** Number of classes; the top-5 error is shown only if there are more than five. */
  classes: number;
  /** True if the run may end before its last epoch. */
  mayEndEarly: boolean;
  now?: () => number;
}

interface Measures {
  loss: number;
  top1: number;
  top5: number;
  /** Localisation error in % of a run of boxes, which has no other errors. */
  metric?: number | undefined;
}

/** Returns the text for loss and errors; the top-5 error of five classes or fewer is always 0 and is left out. */
function measuresText({ loss, top1, top5, metric }: Measures, classes: number): string {
  if (metric !== undefined) return `loss ${loss.toFixed(4)}, localisation error ${metric.toFixed(1)} %`;
  const errors =
    classes > 5 ? `top-1/top-5 error ${top1.toFixed(1)} / ${top5.toFixed(1)} %` : `error ${top1.toFixed(1)} %`;
  return `loss ${loss.toFixed(3)}, ${errors}`;
}

/** Time of a forward pass relative to a training step of as many images. */
const VALIDATION_COST = 1 / 3;

/** Display of a training run. */
export interface TrainingDisplay {
  onEvent(event: TrainEvent): void;
  /** Adds seconds spent waiting for a batch. */
  waited(seconds: number): void;
  /** Shows a validation while it runs. */
  validating<T extends Validation | undefined>(
    validate: (onProgress: (images: number) => void) => Promise<T>,
  ): Promise<T>;
  end(): void;
}

/** Creates the display of a run: a listener for the events of `fit`. */
export function trainingDisplay(options: DisplayOptions): TrainingDisplay {
  const { terminal, record, onActivity, epochs, batchesPerEpoch, batch, validationImages, mayEndEarly } = options;
  const measures = (values: Measures) => measuresText(values, options.classes);
  const { now = Date.now, maxSteps = Number.POSITIVE_INFINITY, validateEvery } = options;
  const validationSteps = (VALIDATION_COST * validationImages) / batch;
  const pace = new RunPace(
    { steps: Math.min(epochs * batchesPerEpoch, maxSteps), batchesPerEpoch, validateEvery, validationSteps },
    now,
  );
  const perEpoch = batchesPerEpoch * batch;
  let progress: Progress | undefined;
  /** Message that the run is resumed, until it is printed. */
  let resumeMessage: string | undefined;
  let epochNow = 0;
  let firstImage = 0;
  let images = 0;
  let note = '';
  /** Seconds since the last line of the metrics that were not spent on training. */
  let waiting = 0;
  let saving = 0;
  let validatingFor = 0;
  let lastEvent = now();

  const whole = (): Whole => ({ title: 'run', ...pace.run, atMost: mayEndEarly });
  const end = () => {
    progress?.end();
    progress = undefined;
  };
  /** Opens a progress before the first image, so that its time counts. */
  const open = (title: string, total: number) => {
    end();
    progress = terminal.progress(title, total, 'images');
  };
  /** Prints that the run is resumed, once there is something to do: a finished run does not continue. */
  const sayResumed = () => {
    if (resumeMessage !== undefined) terminal.say(resumeMessage);
    resumeMessage = undefined;
  };
  const openEpoch = () => {
    if (epochNow < epochs) open(`epoch ${epochNow + 1}/${epochs}`, perEpoch - firstImage);
  };
  const show = (what: string, done: number, total: number) => {
    progress?.update(done, note, whole());
    const { part: runPart, left } = pace.run;
    const epochPart = total > 0 ? Math.min(1, done / total) : 1;
    onActivity?.({ what, epochPart, runPart, left, imagesPerSecond: pace.stepsPerSecond * batch || null });
  };

  const onEvent = (event: TrainEvent) => {
    const before = lastEvent;
    const time = now();
    lastEvent = time;
    if (event.type === 'start') {
      epochNow = event.epoch;
      firstImage = event.batch * batch;
      pace.begin(event.epoch, event.batch);
      if (event.resumed) resumeMessage = `continuing at epoch ${event.epoch + 1}, step ${event.step + 1}`;
      openEpoch();
    } else if (event.type === 'micro-batch') {
      sayResumed();
      const part = event.done / event.of;
      if (part < 1) pace.train(epochNow, (firstImage + images) / batch + part);
      show('training', images + Math.round(part * batch), perEpoch - firstImage);
    } else if (event.type === 'step') {
      images += event.samples;
      note = `${measures(event.running)}, rate ${event.rate.toPrecision(3)}`;
      pace.train(event.epoch, event.batch + 1);
      show('training', images, perEpoch - firstImage);
      record({ ...event, waiting: waiting || undefined, saving: saving || undefined });
      waiting = 0;
      saving = 0;
    } else if (event.type === 'checkpoint') {
      saving += (time - before) / 1000;
    } else if (event.type === 'epoch') {
      sayResumed();
      end();
      record({ ...event, validating: validatingFor || undefined });
      const { training, validation } = event;
      const checked =
        validation === undefined ? '' : ` | validation ${measures(validation)}${event.best ? ', best' : ''}`;
      const { left } = pace.run;
      const more = event.epoch + 1 < epochs && left !== null;
      const time = duration(event.seconds + validatingFor);
      terminal.say(
        `epoch ${event.epoch + 1}/${epochs} training ${measures(training)}${checked} | ${time}` +
          `${more ? `, ${mayEndEarly ? 'at most ' : ''}${duration(left)} left` : ''}`,
      );
      images = 0;
      firstImage = 0;
      note = '';
      validatingFor = 0;
      epochNow = event.epoch + 1;
      openEpoch();
    } else if (event.type === 'stall') {
      terminal.warn(event.message);
    }
  };

  return {
    onEvent,
    waited: (seconds) => {
      waiting += seconds;
    },
    validating: async (validate) => {
      sayResumed();
      open('validation', validationImages);
      const since = now();
      pace.validate(0);
      try {
        return await validate((done) => {
          pace.validate(Math.min(done / validationImages, 0.999));
          show('validation', done, validationImages);
        });
      } finally {
        pace.validate(1);
        validatingFor = (now() - since) / 1000;
        lastEvent = now();
        end();
      }
    },
    end,
  };
}
