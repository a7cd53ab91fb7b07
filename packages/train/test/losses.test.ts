/** Runs with other losses than the paper's, against PyTorch (tools/fixtures/losses.py). */
import './backend';
import { readFileSync } from 'node:fs';
import { abs, mean, squaredDifference, sub, tensor2d, tensor4d, zeros } from '@tensorflow/tfjs-core';
import { createVgg, type VggOptions } from '@vgg/models';
import { constant, MomentumSgd } from '@vgg/optim';
import { expectNoLeak, hashed, hashedInitialiser } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import {
  crossEntropy,
  type FitOptions,
  fit,
  focal,
  type ImageBatch,
  multiLabel,
  regression,
  softTargets,
  type TrainEvent,
  validate,
} from '../src/index';

interface Recorded {
  losses: number[];
  outputs: number[];
  'conv1_1.weight': number[];
}

const recorded: Record<string, Recorded> = JSON.parse(
  readFileSync(new URL('./fixtures/losses.json', import.meta.url), 'utf8'),
);
const [SIZE, HEIGHT, WIDTH, OUTPUTS] = [6, 12, 8, 3] as const;
const OPTIONS = {
  configuration: [6, 'pool', 8, { filters: 10, kernel: 1 }, 'pool'],
  channels: 1,
  inputSize: [HEIGHT, WIDTH],
  classes: OUTPUTS,
  head: 'linear',
} as const satisfies VggOptions;

const values = (stream: number, length: number, map: (u: number) => number) =>
  Float32Array.from(hashed(stream, length), map);
const LABELS = Int32Array.of(0, 2, 1, 1, 0, 2);
const NUMBERS = values(8, SIZE * OUTPUTS, (u) => 4 * u - 2);
const YES = NUMBERS.map((number) => (number > 0 ? 1 : 0));

/** Returns probabilities whose sum is 1 for every image. */
function probabilities(): Float32Array {
  const raw = values(9, SIZE * OUTPUTS, (u) => u + 0.1);
  return raw.map((value, i) => {
    const from = i - (i % OUTPUTS);
    return value / raw.subarray(from, from + OUTPUTS).reduce((sum, each) => sum + each, 0);
  });
}

function batchOf(targets: Pick<ImageBatch, 'labels' | 'targets'>): ImageBatch {
  const images = values(7, SIZE * HEIGHT * WIDTH, (u) => 2 * u - 1);
  return { images, ...targets, size: SIZE, height: HEIGHT, width: WIDTH, channels: 1 };
}

async function run(batch: ImageBatch, options: Partial<FitOptions>) {
  const model = createVgg(OPTIONS, hashedInitialiser({ seed: 40 }));
  const optimiser = new MomentumSgd({ rule: 'pytorch', weightDecay: 1e-3, groups: [] });
  const events: TrainEvent[] = [];
  const result = await fit({
    model,
    batches: () => [batch],
    microBatch: 4,
    optimiser,
    schedule: constant(0.05),
    epochs: 6,
    seed: 0,
    ...options,
    onEvent: (event) => events.push(event),
  });
  optimiser.dispose();
  const losses = events.flatMap((event) => (event.type === 'step' ? [event.metrics.loss] : []));
  return { model, result, losses };
}

const CLASS_WEIGHTS = [0.5, 2, 1];
const CASES: [name: string, batch: ImageBatch, options: Partial<FitOptions>][] = [
  ['classWeights', batchOf({ labels: LABELS }), { classWeights: CLASS_WEIGHTS }],
  ['classWeights', batchOf({ labels: LABELS }), { loss: crossEntropy({ classWeights: CLASS_WEIGHTS }) }],
  ['focal', batchOf({ labels: LABELS }), { loss: focal({ classWeights: CLASS_WEIGHTS }) }],
  ['multiLabel', batchOf({ targets: YES }), { loss: multiLabel({ positiveWeights: [1, 3, 0.5] }) }],
  ['softTargets', batchOf({ targets: probabilities() }), { loss: softTargets() }],
  ['squared', batchOf({ targets: NUMBERS }), { loss: regression() }],
  ['absolute', batchOf({ targets: NUMBERS }), { loss: regression({ kind: 'absolute' }) }],
  ['huber', batchOf({ targets: NUMBERS }), { loss: regression({ kind: 'huber', delta: 0.5 }) }],
  [
    'squared',
    batchOf({ targets: NUMBERS }),
    {
      loss: (outputs, { targets, size }) => mean(squaredDifference(outputs, tensor2d(targets!, [size, OUTPUTS])), 1),
    },
  ],
  [
    'absolute',
    batchOf({ targets: NUMBERS }),
    { loss: (outputs, { targets, size }) => mean(abs(sub(outputs, tensor2d(targets!, [size, OUTPUTS])))) },
  ],
];

describe('a run with the loss', () => {
  it.each(CASES)('%s has the losses, outputs and weights of PyTorch', async (name, batch, options) => {
    const expected = recorded[name]!;
    await expectNoLeak(async () => {
      const { model, losses } = await run(batch, options);
      expect(losses).toBeAllclose(expected.losses, { rtol: 1e-4, atol: 1e-6 });
      const weights = model.variables.get('conv1_1.weight')!;
      expect(weights.dataSync()).toBeAllclose(expected['conv1_1.weight'], { rtol: 1e-4, atol: 1e-5 });
      const images = tensor4d(batch.images, [SIZE, HEIGHT, WIDTH, 1]);
      const { logits } = model.apply(images);
      expect(logits.dataSync()).toBeAllclose(expected.outputs, { rtol: 1e-4, atol: 1e-4 });
      for (const tensor of [images, logits]) tensor.dispose();
      model.dispose();
    });
  });
});

describe('the metric of a loss', () => {
  const perfect = { apply: () => ({ logits: tensor2d(NUMBERS, [SIZE, OUTPUTS]), batchStatistics: {} }) };

  it('is the share of wrong labels for several labels', async () => {
    const wrong = YES.slice();
    wrong[0] = 1 - wrong[0]!;
    const measured = await validate({ model: perfect, batches: [batchOf({ targets: wrong })], loss: multiLabel() });
    expect(measured).toMatchObject({ samples: SIZE, top1: Number.NaN });
    expect(measured!.metric).toBeCloseTo(100 / (SIZE * OUTPUTS), 5);
  });

  it('is the mean absolute error of a regression', async () => {
    const targets = NUMBERS.map((number) => number + 0.5);
    const measured = await validate({ model: perfect, batches: [batchOf({ targets })], loss: regression() });
    expect(measured!.metric).toBeCloseTo(0.5, 5);
    expect(measured!.loss).toBeCloseTo(0.25, 5);
  });

  it('is the top-1 error if there are labels, and the loss of a function if there are none', async () => {
    const batch = batchOf({ labels: LABELS });
    expect(await validate({ model: perfect, batches: [batch], loss: focal() })).not.toHaveProperty('metric');
    const loss = () => zeros([SIZE]);
    const measured = await validate({ model: perfect, batches: [batchOf({ targets: YES })], loss });
    expect(measured).toMatchObject({ loss: 0, metric: 0 });
  });

  it('decides which epoch is the best', async () => {
    const errors = [3, 1, 2];
    const { model, result } = await run(batchOf({ targets: NUMBERS }), {
      loss: regression(),
      epochs: 3,
      validate: async () => ({ samples: 1, loss: 0, top1: Number.NaN, top5: Number.NaN, metric: errors.shift()! }),
    });
    expect(result.best).toMatchObject({ epoch: 1, metric: 1 });
    model.dispose();
  });
});

describe('targets', () => {
  const refused = (batch: ImageBatch, options: Partial<FitOptions>) =>
    run(batch, options).then(() => 'accepted', String);

  it.each<[string, Pick<ImageBatch, 'labels' | 'targets'>, Partial<FitOptions>, RegExp]>([
    ['are needed', { labels: LABELS }, { loss: regression() }, /expected batches with targets, .* got none/],
    ['of the default loss are labels', { targets: YES }, {}, /expected batches with labels/],
    ['are as many as outputs', { targets: YES.slice(0, SIZE) }, { loss: regression() }, /6 · 3|4 · 3/],
    ['of several labels are from 0 to 1', { targets: NUMBERS }, { loss: multiLabel() }, /targets from 0 to 1/],
    ['give a loss for each image', { targets: YES }, { loss: (x) => x }, /4 numbers, one for each image.* got \[4,3\]/],
    ['are not smoothed twice', { labels: LABELS }, { loss: focal(), labelSmoothing: 0.1 }, /pass them to crossEntropy/],
  ])('%s', async (_, targets, options, message) => {
    expect(await refused(batchOf(targets), options)).toMatch(message);
  });

  it('are mixed with the images by CutMix and mixup', async () => {
    const seen: number[] = [];
    const loss = (outputs: Parameters<typeof mean>[0], { targets }: { targets: Float32Array | undefined }) => {
      seen.push(...targets!);
      return mean(outputs, 1);
    };
    const { model } = await run(batchOf({ targets: YES }), { loss, mixUp: 1, epochs: 1, microBatch: SIZE });
    expect(seen.some((value) => value > 0 && value < 1)).toBe(true);
    model.dispose();
  });
});
