/**
 * The engine suite: one training step of every configuration on an engine against the same step in plain JavaScript.
 * `VGG_ENGINE=tensorflow` names another engine than WASM; it must then be there.
 */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { CONFIGURATION_NAMES, createVgg, heInitialiser, type VggOptions } from '@vgg/models';
import { lossAndGradients, softmaxCrossEntropy } from '@vgg/optim';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeEngine, ENGINE_NAMES, type Engine, type EngineName, startEngine } from '../src/index';

const name = (process.env.VGG_ENGINE ?? 'wasm') as EngineName;

const LABELS = Int32Array.of(0, 3, 1, 2);

/** Loss and gradients of one step of a narrow net on the backend at hand, by variable name. */
async function step(options: VggOptions): Promise<Map<string, Float32Array>> {
  const tensors = new Map<string, tf.Tensor>();
  tf.tidy(() => {
    const net = createVgg(
      { ...options, classes: 4, inputSize: 32, width: 1 / 16, head: 'small' },
      heInitialiser({ seed: 3 }),
    );
    const pixels = randomStream(1, 'engine test').fillNormal(new Float32Array(4 * 32 * 32 * 3));
    const images = tf.tensor4d(pixels, [4, 32, 32, 3]);
    const { loss, gradients } = lossAndGradients(() => {
      const { logits } = net.apply(images, { training: true, dropout: (layer) => randomStream(2, layer) });
      return softmaxCrossEntropy(logits, LABELS);
    }, net.trainable);
    for (const [variable, tensor] of [['loss', loss] as const, ...gradients]) tensors.set(variable, tf.keep(tensor));
    net.dispose();
  });
  const values = new Map<string, Float32Array>();
  for (const [variable, tensor] of tensors) values.set(variable, (await tensor.data()) as Float32Array);
  tf.dispose([...tensors.values()]);
  return values;
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

describe(`engine ${name}`, () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine(name);
  });
  afterEach(() => tf.disposeVariables());

  it('starts, becomes the backend and describes itself', async () => {
    await startEngine(name);
    expect(engine.name).toBe(name);
    expect(describeEngine(engine)).toMatch(new RegExp(`^engine ${name} \\(`));
    expect(tf.getBackend()).toBe(name);
  });

  it.each(
    CONFIGURATION_NAMES.flatMap((configuration) => [false, true].map((batchNorm) => ({ configuration, batchNorm }))),
  )('computes a training step of $configuration (batch norm: $batchNorm) as plain JavaScript does', async (options) => {
    await startEngine('cpu');
    const expected = await step(options);
    await startEngine(name);
    const actual = await step(options);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    for (const [variable, values] of expected) {
      const got = actual.get(variable)!;
      expect(got.every(Number.isFinite), variable).toBe(true);
      // Under batch norm a convolution's bias has the gradient 0, of which float32 leaves noise of its layer's scale.
      const scale = norm(expected.get(variable.replace(/bias$/, 'weight'))!);
      expect(got, variable).toBeAllclose(values, { rtol: 1e-3, atol: 1e-4 * scale });
    }
  });
});

describe('choosing an engine', () => {
  it('takes the best that works with auto and says what it passed over', async () => {
    const engine = await startEngine('auto');
    expect(ENGINE_NAMES).toContain(engine.name);
    for (const clause of engine.notUsed) expect(clause).toMatch(/^(webgpu|onednn|tensorflow|wasm): \S/);
  });

  it('takes no adapter for webgpu that computes on the CPU', async () => {
    const outcome = await startEngine('webgpu').then(describeEngine, String);
    expect(outcome).toMatch(
      /^engine webgpu \((?!.*llvmpipe)|^VggError: engine webgpu cannot run here: [^\n]+; try engine auto$/,
    );
  });

  it('says in one line why an engine that was asked for cannot run', async () => {
    const outcome = await startEngine('onednn').then(
      (engine) => engine.name,
      (error: unknown) => String(error),
    );
    expect(outcome).toMatch(/^onednn$|^VggError: engine onednn cannot run here: [^\n]+; try engine auto$/);
  });

  it('computes in the precision that is asked for, one in a process, and says which', async () => {
    const outcomes: string[] = [];
    for (const asked of ['onednn-float32', 'onednn-bfloat16', 'onednn-bfloat16-fast'] as const) {
      outcomes.push(await startEngine(asked).then(describeEngine, String));
    }
    const refused = /^VggError: engine onednn-(float32|bfloat16(?:-fast)?) cannot run here: [^\n]+; try engine auto$/;
    const taken = outcomes.filter((outcome) => !refused.test(outcome));
    expect(taken.length).toBeLessThan(2);
    for (const outcome of taken)
      expect(outcome).toMatch(/^engine onednn-(float32|bfloat16(?:-fast)?) \(oneDNN, native, \1\)$/);
  });
});
