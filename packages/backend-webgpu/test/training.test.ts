/** Whole nets of the paper: three training steps against the CPU backend; the same bits twice; memory that stays flat. */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser, inputShape, type VggOptions } from '@vgg/models';
import { globalNorm, lossAndGradients, MomentumSgd, Muon, type Optimiser, softmaxCrossEntropy } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VggWebgpuBackend } from '../src/backend';
import { hasDevice, reason } from './lavapipe';
import { normals, start } from './reference';

const BATCH = 3;
const LABELS = [4, 0, 7];

type Numbers = Map<string, Float32Array>;

interface Training {
  options: VggOptions;
  steps?: number;
  optimiser?: () => Optimiser;
  /** Side of the outputs of Winograd's convolutions, in place of the one for their size. */
  winograd?: 2 | 4;
}

/** Steps of training with clipped gradients: the loss and every gradient of each, and the variables after the last. */
async function train(
  backend: string,
  { options, steps = 3, optimiser = () => new MomentumSgd(), winograd }: Training,
): Promise<Numbers> {
  await tf.setBackend(backend);
  if (backend === 'webgpu') (tf.backend() as unknown as VggWebgpuBackend).winograd = winograd;
  const [side] = inputShape(options);
  return expectNoLeak(async () => {
    const model = createVgg(options, heInitialiser({ seed: 3 }));
    const images = tf.tensor4d(normals(BATCH * side * side * 3, side), [BATCH, side, side, 3]);
    const updates = optimiser();
    const numbers: Numbers = new Map();
    for (let step = 0; step < steps; step++) {
      const dropout = (layer: string) => randomStream(1, layer, step);
      const { loss, gradients } = lossAndGradients(
        () => softmaxCrossEntropy(model.apply(images, { training: true, dropout }).logits, LABELS),
        model.trainable,
      );
      const norm = await globalNorm(gradients);
      numbers.set(`loss ${step}`, (await loss.data()) as Float32Array);
      for (const [name, gradient] of gradients) {
        numbers.set(`gradient ${step} ${name}`, (await gradient.data()) as Float32Array);
      }
      updates.step(model.trainable, gradients, 0.01, Math.min(1, 5 / norm));
      tf.dispose([loss, ...gradients.values()]);
    }
    for (const [name, variable] of model.variables) numbers.set(name, (await variable.data()) as Float32Array);
    tf.dispose([images]);
    updates.dispose();
    model.dispose();
    return numbers;
  });
}

const norm = (values: Float32Array) => Math.hypot(...values);
const distance = (a: Float32Array, b: Float32Array) => Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0));

/**
 * Relative distances above the tolerance, of gradients at least relative to a thousandth of the largest one of all. The gradient
 * of a bias before batch norm is 0 but for rounding: it must be small compared with the largest one.
 */
function differing(
  actual: Numbers,
  expected: Numbers,
  { tolerance, batchNorm = false }: { tolerance: number; batchNorm?: boolean | undefined },
): string[] {
  const gradients = [...expected].filter(([name]) => name.startsWith('gradient'));
  const largest = Math.max(...gradients.map(([, values]) => norm(values)));
  return [...expected].flatMap(([name, values]) => {
    const vanishes = batchNorm && /^gradient . conv.*bias/.test(name);
    const floor = vanishes ? largest : 1e-3 * largest;
    const scale = norm(values) + (name.startsWith('gradient') ? floor : 1e-3);
    const error = distance(actual.get(name)!, values) / scale;
    return error < tolerance ? [] : [`${name}: ${error}`];
  });
}

const SMALL = { inputSize: 32, width: 1 / 16, classes: 10 } as const;

const CASES: [string, Training][] = [
  ['A', { options: { ...SMALL, configuration: 'A' } }],
  ['A-LRN', { options: { ...SMALL, configuration: 'A-LRN' } }],
  ['B', { options: { ...SMALL, configuration: 'B' } }],
  ['C', { options: { ...SMALL, configuration: 'C' } }],
  ['D', { options: { ...SMALL, configuration: 'D' } }],
  ['E', { options: { ...SMALL, configuration: 'E' } }],
  ["D by Winograd's outputs of 2 x 2", { options: { ...SMALL, configuration: 'D' }, winograd: 2 }],
  ["D by Winograd's outputs of 4 x 4", { options: { ...SMALL, configuration: 'D' }, winograd: 4 }],
  ['A with batch norm', { options: { ...SMALL, configuration: 'A', batchNorm: true } }],
  [
    'D with batch norm by Muon',
    { options: { ...SMALL, configuration: 'D', batchNorm: true }, optimiser: () => new Muon() },
  ],
];

describe.skipIf(!hasDevice)(`training${reason}`, () => {
  beforeAll(() => start());

  it.each(CASES)('three steps of %s are those of plain JavaScript', { timeout: 400_000 }, async (_, training) => {
    const expected = await train('cpu', training);
    const actual = await train('webgpu', training);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    // Batch norm divides by small deviations, and Muon's steps amplify what is left: rounding then shows in the fifth digit.
    const tolerance = training.optimiser === undefined ? 1e-5 : 3e-5;
    expect(differing(actual, expected, { tolerance, batchNorm: training.options.batchNorm })).toEqual([]);
  });

  it.each([
    ['', undefined],
    [', by Winograd too', 4],
  ] as const)('gives the same bits every time%s', { timeout: 400_000 }, async (_, winograd) => {
    const training: Training = { options: { ...SMALL, configuration: 'D' }, ...(winograd && { winograd }) };
    const [first, second] = [await train('webgpu', training), await train('webgpu', training)];
    expect([...second]).toEqual([...first]);
  });

  it('holds as much memory after more steps', { timeout: 400_000 }, async () => {
    const training = { options: { ...SMALL, configuration: 'A' } } as const;
    await train('webgpu', training);
    const before = tf.memory();
    await train('webgpu', { ...training, steps: 20 });
    expect(tf.memory()).toEqual(before);
  });
});
