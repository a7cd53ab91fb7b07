/** Report of a made-up run, for tests. */
import type { ReportData } from '../src/data';
import { classTable, confusionMatrix, GuessBook } from '../src/guesses';
import { History } from '../src/history';
import { thumbnail } from '../src/images';

/** Returns an image of noise, for the largest JPEG of a size. */
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
      course.add({ type: 'step', epoch, batch, metrics, rate: 0.01, samples: 32, seconds: 0.5, waiting: 0.01 });
    }
    const training = { loss: 3.2 / (1.5 + epoch), top1: 92 / (1.5 + epoch), top5: 41 / (1.5 + epoch) };
    course.add({ type: 'epoch', epoch, training, validation: training, best: true, validating: 2 });
  }
  return course;
}

export interface ReportSettings {
  names?: readonly string[];
  epochs?: number;
  batchesPerEpoch?: number;
  /** Side of the images in pixels. */
  side?: number;
}

/** Returns a whole report with every section. */
export async function fullReport({
  names = ['cat', 'dog', 'star', 'ship', 'frog', 'tree'],
  epochs = 4,
  batchesPerEpoch = 30,
  side = 32,
}: ReportSettings = {}) {
  const course = history(epochs, batchesPerEpoch);
  const book = new GuessBook('single', names.length);
  names.forEach((_, label) => {
    book.add({ key: `images/${label}.jpg`, label, predicted: label, probability: 0.9 });
    const predicted = (label + 1) % names.length;
    book.add({ key: `images/${label}.jpg`, label, predicted, probability: 0.8 });
  });
  const image = await thumbnail(noise(side), side);
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
      {
        protocol: 'dense',
        scales: [224, 256, 288],
        images: 100,
        of: name(0),
        top1: 19,
        top5: null,
        f1: 0.8,
        calibrationError: 0.05,
      },
    ],
    confusion: confusionMatrix(guesses, names),
    perClass: classTable(guesses, names),
    mistakes: guesses.mistakes.map(({ key, label, predicted, probability }, i) => ({
      image: i === 1 ? null : image,
      key,
      probability,
      label: name(label),
      predicted: name(predicted),
    })),
    heatMaps: [0, 1].map((i) => ({
      image,
      overlay: image,
      low: '0.02',
      high: '0.75',
      key: name(i),
      label: name(i),
      predicted: name(i),
      probability: 0.5,
    })),
    crops: [0, 1, 2].map((i) => ({ image, label: name(i) })),
    filters: image,
    facts: [{ title: name(0), rows: [[name(0), name(1)]] }],
    missing: {},
  };
  return data;
}
