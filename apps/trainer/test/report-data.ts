/** Reports as tests need them: of a run that was never made. */
import type { ReportData } from '../src/report/data';
import { confusionMatrix, GuessBook } from '../src/report/guesses';
import { History } from '../src/report/history';
import { thumbnail } from '../src/report/pictures';

/** A picture in which no pixel is like the next: the largest that a JPEG of its size can be. */
export function noise(side: number) {
  let state = 1;
  const data = Uint8Array.from({ length: side * side * 3 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
  return { data, width: side, height: side };
}

export function history(epochs: number, batchesPerEpoch: number): History {
  const course = new History(batchesPerEpoch);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let batch = 0; batch < batchesPerEpoch; batch++) {
      const at = epoch + batch / batchesPerEpoch;
      const metrics = { loss: 3 / (1 + at) + 0.1 * Math.sin(40 * at), top1: 90 / (1 + at), top5: 40 / (1 + at) };
      const [step, rate, samples, seconds] = [epoch * batchesPerEpoch + batch + 1, 0.01, 32, 0.5];
      const measured = { gradientNorm: 1, imagesPerSecond: samples / seconds, running: metrics };
      course.add({ type: 'step', epoch, batch, step, rate, samples, seconds, metrics, ...measured, waiting: 0.01 });
    }
    const metrics = { loss: 3.2 / (1.5 + epoch), top1: 92 / (1.5 + epoch), top5: 41 / (1.5 + epoch) };
    const [step, rate, seconds] = [(epoch + 1) * batchesPerEpoch, 0.01, 10];
    const validation = { ...metrics, samples: 100 };
    course.add({ type: 'epoch', epoch, step, rate, seconds, training: metrics, validation, best: true, validating: 2 });
  }
  return course;
}

export interface Given {
  names?: readonly string[];
  epochs?: number;
  batchesPerEpoch?: number;
  /** Side of the pictures. */
  side?: number;
}

/** A whole report, every section filled. */
export async function fullReport({
  names = ['cat', 'dog', 'star', 'ship', 'frog', 'tree'],
  epochs = 4,
  batchesPerEpoch = 30,
  side = 32,
}: Given = {}) {
  const course = history(epochs, batchesPerEpoch);
  const book = new GuessBook('single', names.length);
  names.forEach((_, label) => {
    book.add({ key: `images/${label}.jpg`, label, predicted: label, probability: 0.9 });
    const predicted = (label + 1) % names.length;
    book.add({ key: `images/${label}.jpg`, label, predicted, probability: 0.8 });
  });
  const picture = await thumbnail(noise(side), side);
  const name = (i: number) => names[i % names.length]!;
  const guesses = book.guesses;
  const data: ReportData = {
    kind: 'run',
    name: name(0),
    summary: `net A, images of ${name(0)}`,
    made: '2026-01-01T00:00:00.000Z',
    classes: names.length,
    k: 5,
    headline: { state: 'complete', epoch: epochs, epochs, best: course.best, seconds: 100, imagesPerSecond: 64 },
    curves: course.curves,
    time: course.time,
    activity: null,
    results: [
      { protocol: 'single', scales: [256], images: 100, of: 'validation', top1: 20.5, top5: 5 },
      { protocol: 'dense', scales: [224, 256, 288], images: 100, of: name(0), top1: 19, top5: null },
    ],
    confusion: confusionMatrix(guesses, names),
    mistakes: guesses.mistakes.map(({ key, label, predicted, probability }, i) => ({
      ...{ picture: i === 1 ? null : picture, key, probability, label: name(label), predicted: name(predicted) },
    })),
    heatMaps: [0, 1].map((i) => ({
      ...{ picture, overlay: picture, key: name(i), label: name(i), predicted: name(i), probability: 0.5 },
    })),
    crops: [0, 1, 2].map((i) => ({ picture, label: name(i) })),
    filters: picture,
    facts: [{ title: name(0), rows: [[name(0), name(1)]] }],
    missing: {},
  };
  return data;
}
