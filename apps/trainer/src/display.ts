/** Turns the events of training into what a person sees and what `metrics.jsonl` keeps. */
import type { TrainEvent } from '@vgg/train';
import type { Progress, Terminal } from './terminal';
import { duration } from './terminal';

export interface DisplayOptions {
  terminal: Terminal;
  /** Appends one line to the metrics. */
  record: (entry: Readonly<Record<string, unknown>>) => void;
  epochs: number;
  batchesPerEpoch: number;
  batch: number;
  now?: () => number;
}

interface Measures {
  loss: number;
  top1: number;
  top5: number;
}

function measures({ loss, top1 }: Measures): string {
  return `loss ${loss.toFixed(3)}, top-1 error ${top1.toFixed(1)} %`;
}

/** A listener for `fit`, which also keeps the epoch's progress display. */
export function trainingDisplay(options: DisplayOptions): { onEvent: (event: TrainEvent) => void; end: () => void } {
  const { terminal, record, epochs, batchesPerEpoch, batch, now = Date.now } = options;
  let progress: Progress | undefined;
  let [images, firstImage] = [0, 0];
  let note = '';
  const started = now();
  let stepsDone = 0;

  const display = (epoch: number) => {
    progress ??= terminal.progress(`epoch ${epoch + 1}/${epochs}`, batchesPerEpoch * batch - firstImage, 'images');
    return progress;
  };
  const end = () => {
    progress?.end();
    progress = undefined;
  };
  /** Time left for the whole run at the pace so far, validation included. */
  const left = (epoch: number) => {
    const steps = (epochs - epoch - 1) * batchesPerEpoch;
    return duration(((now() - started) / 1000 / stepsDone) * steps);
  };

  let epochNow = 0;
  const onEvent = (event: TrainEvent) => {
    if (event.type === 'start') {
      epochNow = event.epoch;
      firstImage = event.batch * batch;
      if (event.resumed) terminal.say(`going on at epoch ${event.epoch + 1}, step ${event.step + 1}`);
    } else if (event.type === 'micro-batch') {
      display(epochNow).update(images + Math.round((event.done / event.of) * batch), note);
    } else if (event.type === 'step') {
      stepsDone += 1;
      images += event.samples;
      note = `${measures(event.running)}, rate ${event.rate.toPrecision(3)}`;
      display(event.epoch).update(images, note);
      record(event);
    } else if (event.type === 'epoch') {
      end();
      record(event);
      const { training, validation } = event;
      const checked =
        validation === undefined ? '' : ` | validation ${measures(validation)}${event.best ? ', best' : ''}`;
      const time = `${duration(event.seconds)}${event.epoch + 1 < epochs ? `, ${left(event.epoch)} left` : ''}`;
      terminal.say(`epoch ${event.epoch + 1}/${epochs} training ${measures(training)}${checked} | ${time}`);
      [images, firstImage, note] = [0, 0, ''];
      epochNow = event.epoch + 1;
    } else if (event.type === 'stall') {
      terminal.warn(event.message);
    }
  };
  return { onEvent, end };
}
