/** Turns the events of training into what a person sees and what `metrics.jsonl` keeps. */
import type { TrainEvent, Validation } from '@vgg/train';
import type { Activity } from '../report/data';
import type { MetricsEntry } from '../report/history';
import type { Progress, Terminal, Whole } from '../terminal/terminal';
import { duration } from '../terminal/terminal';
import { RunPace } from './pace';

export interface DisplayOptions {
  terminal: Terminal;
  /** Takes one line of the metrics. */
  record: (entry: MetricsEntry) => void;
  /** Told of what goes on, as often as something changes. */
  onActivity?: (activity: Activity) => void;
  epochs: number;
  /** Epochs from one validation to the next. */
  validateEvery: number;
  /** Where the run ends before the last epoch does. */
  maxSteps?: number | undefined;
  batchesPerEpoch: number;
  batch: number;
  validationImages: number;
  /** Whether the schedule may end the run before its last epoch. */
  mayEndEarly: boolean;
  now?: () => number;
}

interface Measures {
  loss: number;
  top1: number;
  top5: number;
}

function measures({ loss, top1, top5 }: Measures): string {
  return `loss ${loss.toFixed(3)}, errors ${top1.toFixed(1)} / ${top5.toFixed(1)} %`;
}

/** A forward pass takes about a third of what a training step takes for as many images. */
const VALIDATION_COST = 1 / 3;

export interface TrainingDisplay {
  onEvent(event: TrainEvent): void;
  /** Waits for a batch were so many seconds. */
  waited(seconds: number): void;
  /** Shows a validation while it runs. */
  validating<T extends Validation | undefined>(
    validate: (onProgress: (images: number) => void) => Promise<T>,
  ): Promise<T>;
  end(): void;
}

/** A listener for `fit`, which also keeps the display of the epoch and the run. */
export function trainingDisplay(options: DisplayOptions): TrainingDisplay {
  const { terminal, record, onActivity, epochs, batchesPerEpoch, batch, validationImages, mayEndEarly } = options;
  const { now = Date.now, maxSteps = Number.POSITIVE_INFINITY, validateEvery } = options;
  const validationSteps = (VALIDATION_COST * validationImages) / batch;
  const pace = new RunPace(
    { steps: Math.min(epochs * batchesPerEpoch, maxSteps), batchesPerEpoch, validateEvery, validationSteps },
    now,
  );
  const perEpoch = batchesPerEpoch * batch;
  let progress: Progress | undefined;
  let goingOn: string | undefined;
  let [epochNow, firstImage, images, note] = [0, 0, 0, ''];
  /** Seconds since the last line of the metrics that went elsewhere, and when the last event was. */
  let [waiting, saving, validatingFor, lastEvent] = [0, 0, 0, now()];

  const whole = (): Whole => ({ title: 'run', ...pace.run, atMost: mayEndEarly });
  const end = () => {
    progress?.end();
    progress = undefined;
  };
  /** Before the first image, so that the pace counts what it takes. */
  const open = (title: string, total: number) => {
    end();
    progress = terminal.progress(title, total, 'images');
  };
  /** Once there is something to do: a run that is finished does not go on. */
  const sayGoingOn = () => {
    if (goingOn !== undefined) terminal.say(goingOn);
    goingOn = undefined;
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
    const [before, time] = [lastEvent, now()];
    lastEvent = time;
    if (event.type === 'start') {
      [epochNow, firstImage] = [event.epoch, event.batch * batch];
      pace.begin(event.epoch, event.batch);
      if (event.resumed) goingOn = `going on at epoch ${event.epoch + 1}, step ${event.step + 1}`;
      openEpoch();
    } else if (event.type === 'micro-batch') {
      sayGoingOn();
      const part = event.done / event.of;
      if (part < 1) pace.train(epochNow, (firstImage + images) / batch + part);
      show('training', images + Math.round(part * batch), perEpoch - firstImage);
    } else if (event.type === 'step') {
      images += event.samples;
      note = `${measures(event.running)}, rate ${event.rate.toPrecision(3)}`;
      pace.train(event.epoch, event.batch + 1);
      show('training', images, perEpoch - firstImage);
      record({ ...event, ...(waiting > 0 && { waiting }), ...(saving > 0 && { saving }) });
      [waiting, saving] = [0, 0];
    } else if (event.type === 'checkpoint') {
      saving += (time - before) / 1000;
    } else if (event.type === 'epoch') {
      sayGoingOn();
      end();
      record({ ...event, ...(validatingFor > 0 && { validating: validatingFor }) });
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
      [images, firstImage, note, validatingFor] = [0, 0, '', 0];
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
      sayGoingOn();
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
