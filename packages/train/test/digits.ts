/** A small net of a table for grey digits of 28x28, trained on digits that are drawn here. */
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser, type VggOptions } from '@vgg/models';
import { constant, MomentumSgd } from '@vgg/optim';
import { fit, type ImageBatch, type Validation, validate } from '../src/index';

export const DIGITS = {
  configuration: [6, 'pool', 12, 'pool'],
  channels: 1,
  inputSize: 28,
  classes: 10,
  head: 'small',
  width: 1 / 2,
  dropout: 0,
} as const satisfies VggOptions;

/** Segments of a digit on a display: top, upper left, upper right, middle, lower left, lower right, bottom. */
const SEGMENTS = [
  '1110111',
  '0010010',
  '1011101',
  '1011011',
  '0111010',
  '1101011',
  '1101111',
  '1010010',
  '1111111',
  '1111011',
];
/** Left, top, width and height of each segment in pixels. */
const PLACES = [
  [2, 0, 8, 2],
  [0, 1, 2, 8],
  [10, 1, 2, 8],
  [2, 8, 8, 2],
  [0, 9, 2, 8],
  [10, 9, 2, 8],
  [2, 16, 8, 2],
] as const;

/** Draws digits at slightly random places on noise; values from about 0 to 1. */
export function drawDigits(count: number, ...address: number[]): ImageBatch {
  const random = randomStream(11, 'digits', ...address);
  const images = random.fillUniform(new Float32Array(count * 28 * 28)).map((value) => 0.3 * value);
  const labels = Int32Array.from({ length: count }, () => random.integer(10));
  for (const [i, label] of labels.entries()) {
    const left = 6 + random.integer(4);
    const top = 3 + random.integer(4);
    for (const [segment, [x, y, width, height]] of PLACES.entries()) {
      if (SEGMENTS[label]![segment] === '0') continue;
      for (let row = 0; row < height; row++) {
        const at = (i * 28 + top + y + row) * 28 + left + x;
        images.fill(0.9, at, at + width);
      }
    }
  }
  return { images, labels, size: count, height: 28, width: 28, channels: 1 };
}

/** Trains the net for some steps. The caller disposes it. */
export async function trainDigits() {
  const model = createVgg(DIGITS, heInitialiser({ seed: 1 }));
  const optimiser = new MomentumSgd();
  let validation: Validation | undefined;
  await fit({
    model,
    batches: (epoch, start) => Array.from({ length: 6 }, (_, i) => drawDigits(32, epoch, i)).slice(start),
    microBatch: 32,
    optimiser,
    schedule: constant(0.02),
    epochs: 6,
    seed: 1,
    validateEvery: 6,
    validate: async (signal) => {
      validation = await validate({ model, batches: [drawDigits(100, 1000)], signal });
      return validation;
    },
  });
  optimiser.dispose();
  return { model, validation: validation! };
}
