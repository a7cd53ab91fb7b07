/**
 * Behaviour of a net other than its numbers: taps, dropout, freezing, heads, statistics, memory, errors.
 */

import {
  add,
  dispose,
  grad,
  memory,
  ones,
  profile,
  type Scalar,
  softmax,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tensor1d,
  tensor4d,
  tidy,
  variableGrads,
  zeros,
} from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { createVgg, type Initialiser, layersNamed, type TapName, type Vgg, zeroInitialiser } from '../src/index';
import { dropOut } from '../src/operations';
import { crossEntropy } from './engine';
import { dropout, images, numbers, refusal, SMALL } from './small-net';

/** Returns the gradients of a training step by variable name. */
function step(net: Vgg, batch: Tensor4D): Map<string, number[]> {
  const { value, grads } = variableGrads(
    () => crossEntropy(net.apply(batch, { training: true, dropout }).logits, [0, 3]),
    [...net.trainable.values()],
  );
  const result = new Map([...net.trainable].map(([name, { name: own }]) => [name, numbers(grads[own])]));
  dispose([value, grads]);
  return result;
}

describe('variables', () => {
  it('have canonical names in the order of the net, and shapes HWIO and [in, out]', () => {
    const net = createVgg({ ...SMALL, batchNorm: true, head: 'paper', inputSize: 64 });
    const names = [...net.variables.keys()];
    const first = ['conv1_1.weight', 'conv1_1.bias', 'bn1_1.scale', 'bn1_1.offset', 'bn1_1.mean', 'bn1_1.variance'];
    expect(names.slice(0, 7)).toEqual([...first, 'conv2_1.weight']);
    expect(names.slice(-6)).toEqual(['fc6', 'fc7', 'fc8'].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]));
    expect(net.variables.get('conv2_1.weight')!.shape).toEqual([3, 3, 2, 4]);
    expect(net.variables.get('fc6.weight')!.shape).toEqual([2 * 2 * 16, 128]);
    expect([...net.trainable.keys()]).toEqual(names.filter((name) => !/\.(mean|variance)$/.test(name)));
    net.dispose();
  });

  it('of two nets do not interfere', () => {
    const nets = [createVgg(SMALL), createVgg(SMALL)];
    for (const net of nets) net.dispose();
  });
});

describe('taps', () => {
  const ALL: TapName<'A-LRN'>[] = [
    ...['1_1', '2_1', '3_1', '3_2', '4_1', '4_2', '5_1', '5_2'].flatMap(
      (place) => [`conv${place}`, `bn${place}`, `relu${place}`] as TapName<'A-LRN'>[],
    ),
    ...(['norm1', 'pool1', 'pool2', 'pool3', 'pool4', 'pool5'] as const),
    ...(['fc6', 'relu6', 'fc7', 'relu7', 'fc8', 'prob'] as const),
  ];
  const options = { ...SMALL, configuration: 'A-LRN', batchNorm: true, head: 'paper' } as const;

  it('are returned in any number by one pass, and do not change the logits', () => {
    const net = createVgg(options);
    const batch = images();
    const before = memory().numTensors;
    const { logits, taps } = net.apply(batch, { taps: ALL });
    expect(memory().numTensors - before).toBe(ALL.length);
    expect(Object.keys(taps)).toEqual(ALL);
    expect(taps.relu3_2.shape).toEqual([2, 8, 8, 8]);
    tidy(() => void expect(numbers(net.apply(batch).logits)).toEqual(numbers(logits)));
    expect(numbers(taps.fc8)).toEqual(numbers(logits));
    expect(numbers(taps.prob)).toEqual(numbers(softmax(logits)));
    expect(numbers(taps.relu2_1)).toEqual(numbers(taps.bn2_1).map((x) => Math.max(0, x)));
    expect(numbers(taps.conv2_1).some((x) => x < 0)).toBe(true);
    for (const tap of ALL) {
      tidy(() => void expect(numbers(net.apply(batch, { taps: [tap] }).taps[tap]), tap).toEqual(numbers(taps[tap])));
    }
    net.dispose();
  });

  it('are feature maps in the dense view', () => {
    tidy(() => {
      const net = createVgg(options);
      const { scores, taps } = net.dense(images(64, 96), { taps: ['pool5', 'relu6', 'prob'] });
      expect([taps.pool5.shape, taps.relu6.shape]).toEqual([
        [2, 2, 3, 16],
        [2, 2, 3, 128],
      ]);
      expect([scores.shape, taps.prob.shape]).toEqual([
        [2, 2, 3, 4],
        [2, 2, 3, 4],
      ]);
      expect(numbers(sum(taps.prob, -1))).toBeAllclose(new Float32Array(12).fill(1), { rtol: 1e-6 });
      net.dispose();
    });
  });

  it('end the computation at the deepest of them in features()', async () => {
    const net = createVgg(SMALL);
    const batch = images(20, 9);
    const kernels: string[] = [];
    const { kernels: run } = await profile(() => net.features(batch, ['relu2_1', 'conv3_1']).conv3_1);
    for (const { name } of run) if (/Conv2D|MaxPool|MatMul|Relu/.test(name)) kernels.push(name);
    expect(kernels).toEqual(['FusedConv2D', 'MaxPool', 'FusedConv2D', 'MaxPool', 'FusedConv2D']);
    net.dispose();
  });

  it('are differentiable in the images in features()', () => {
    tidy(() => {
      const net = createVgg(SMALL);
      const loss = (x: Tensor) => sum(net.features(x as Tensor4D, ['relu3_1']).relu3_1) as Scalar;
      const batch = images(8, 12);
      const gradient = grad(loss)(batch);
      expect(gradient.shape).toEqual(batch.shape);
      // Central difference in one pixel. The loss is piecewise linear in it and has a rounding error of 1e-7.
      const pixel = 2 * 12 * 3 + 5 * 3 + 1;
      const delta = tensor4d(
        Float32Array.from({ length: batch.size }, (_, i) => (i === pixel ? 0.125 : 0)),
        batch.shape,
      );
      const slope = (numbers(loss(add(batch, delta)))[0]! - numbers(loss(sub(batch, delta)))[0]!) / 0.25;
      expect(numbers(gradient)[pixel]).toBeAllclose(slope, { rtol: 0.05 });
      net.dispose();
    });
  });
});

describe('dropout', () => {
  it('drops units at the given rate and multiplies the others by 1 / (1 - rate)', () => {
    tidy(() => {
      const dropped = numbers(dropOut(ones([100, 200]), 0.3, randomStream(1, 'test')));
      const kept = dropped.filter((x) => x !== 0);
      expect(kept).toBeAllclose(new Float32Array(kept.length).fill(1 / 0.7), { rtol: 1e-6 });
      // 5 standard deviations of a binomial share: 5 · √(0.3 · 0.7 / 20000) = 0.016.
      expect(Math.abs(1 - kept.length / dropped.length - 0.3)).toBeLessThan(0.016);
    });
  });

  it('is active only in training, for the hidden fully-connected layers, with the given streams', () => {
    tidy(() => {
      const net = createVgg({ ...SMALL, head: 'paper' });
      const batch = images();
      const asked: string[] = [];
      const train = (seed: number) =>
        numbers(
          net.apply(batch, {
            training: true,
            dropout: (layer) => {
              asked.push(layer);
              return randomStream(seed, layer);
            },
          }).logits,
        );
      const one = train(1);
      expect(asked).toEqual(['drop6', 'drop7']);
      expect(train(1)).toEqual(one);
      expect(train(2)).not.toEqual(one);
      expect(numbers(net.apply(batch, { dropout }).logits)).toEqual(numbers(net.apply(batch).logits));
      net.dispose();
    });
  });

  it('needs its random streams, unless the rate is 0', () => {
    const net = createVgg(SMALL);
    const dry = createVgg({ ...SMALL, dropout: 0 });
    expect(refusal('argument', () => net.apply(images(), { training: true }))).toMatch(/pass options.dropout/);
    tidy(() => {
      const batch = images();
      expect(numbers(dry.apply(batch, { training: true }).logits)).toEqual(numbers(dry.apply(batch).logits));
    });
    for (const made of [net, dry]) made.dispose();
  });
});

describe('freeze', () => {
  it('has a list of its layers by layersNamed', () => {
    expect(layersNamed({ configuration: 'A', batchNorm: true }, ['stage1', 'fc6'])).toEqual([
      'conv1_1',
      'bn1_1',
      'fc6',
    ]);
    expect(layersNamed({ configuration: 'C' }, ['features'])).toHaveLength(13);
    expect(() => layersNamed({ configuration: 'A' }, ['stag1'])).toThrow(/got "stag1" \(did you mean "stage1"/);
  });

  it('excludes layers, stages and groups from training, and unfreeze includes them again', () => {
    const net = createVgg({ ...SMALL, batchNorm: true });
    const all = [...net.trainable.keys()];
    net.freeze('conv1_1', 'stage2', 'classifier');
    const frozen = /^(conv1_1|(conv|bn)2_|fc)/;
    expect([...net.trainable.keys()]).toEqual(all.filter((name) => !frozen.test(name)));
    net.freeze('features');
    expect([...net.trainable.keys()]).toEqual([]);
    net.unfreeze('fc8');
    expect([...net.trainable.keys()]).toEqual(['fc8.weight', 'fc8.bias']);
    net.unfreeze('features', 'classifier');
    expect([...net.trainable.keys()]).toEqual(all);
    net.dispose();
  });

  it('does not change the gradients of the other layers', () => {
    const net = createVgg(SMALL);
    const batch = images();
    const before = step(net, batch);
    net.freeze('stage1', 'conv3_1', 'fc8');
    const after = step(net, batch);
    expect([...after.keys()]).toEqual([...before.keys()].filter((name) => !/^(conv1_1|conv3_1|fc8)\./.test(name)));
    for (const [name, gradient] of after) expect(gradient, name).toEqual(before.get(name));
    net.dispose();
  });

  it.each([
    ['nothing', [], 8, 7],
    ['stage 1', ['stage1'], 7, 6],
    ['the features', ['features'], 0, 0],
    ['a layer in the middle', ['conv4_1'], 7, 7],
  ] as const)('computes only the gradients that are needed with %s frozen', async (_, names, filters, inputs) => {
    const net = createVgg(SMALL);
    net.freeze(...names);
    const { kernels } = await profile(() => {
      step(net, images());
      return zeros([1]);
    });
    const count = (kernel: string) => kernels.filter(({ name }) => name === kernel).length;
    // The profile has one entry for all kernels inside an operation with its own gradient, and one for each of a gradient.
    expect([count('Conv2DBackpropFilter'), count('Conv2DBackpropInput')]).toEqual([filters, inputs]);
    net.dispose();
  });

  it('fixes batch norm: training uses the running statistics and does not change them', () => {
    const net = createVgg({ ...SMALL, batchNorm: true, dropout: 0 });
    net.freeze('features');
    tidy(() => {
      const batch = images();
      const { logits, batchStatistics } = net.apply(batch, { training: true });
      expect(batchStatistics).toEqual({});
      expect(numbers(logits)).toEqual(numbers(net.apply(batch).logits));
      net.updateStatistics({});
    });
    net.unfreeze('bn5_2');
    tidy(() => {
      const { batchStatistics } = net.apply(images(), { training: true });
      expect(Object.keys(batchStatistics)).toEqual(['bn5_2.mean', 'bn5_2.variance']);
    });
    net.dispose();
  });

  it('names the nearest layer or group', () => {
    const net = createVgg(SMALL) as Vgg;
    expect(refusal('argument', () => net.freeze('stage6' as 'stage5'))).toMatch(
      /got "stage6" \(did you mean "stage\d"\?\)/,
    );
    expect(refusal('argument', () => net.freeze('fc7'))).toMatch(/got "fc7" \(did you mean "fc6"\?\)/);
    expect(refusal('argument', () => net.unfreeze('pool1' as 'fc6'))).toMatch(/got "pool1"/);
    net.dispose();
  });
});

describe('updateStatistics', () => {
  it('moves running statistics by a tenth', () => {
    const net = createVgg({ ...SMALL, batchNorm: true });
    tidy(() => {
      const { batchStatistics } = net.apply(images(), { training: true, dropout });
      const given = Object.fromEntries(Object.keys(batchStatistics).map((name) => [name, tensor1d([])])) as Record<
        string,
        Tensor1D
      >;
      for (const [name, { shape }] of Object.entries(batchStatistics)) given[name] = ones(shape);
      net.updateStatistics({ ...given, 'bn1_1.mean': tensor1d([10, -20]), 'bn1_1.variance': tensor1d([3, 0]) });
    });
    // From mean 0 and variance 1: 0.9 · 0 + 0.1 · 10, and so on.
    expect(numbers(net.variables.get('bn1_1.mean'))).toBeAllclose([1, -2], { rtol: 1e-6 });
    expect(numbers(net.variables.get('bn1_1.variance'))).toBeAllclose([1.2, 0.9], { rtol: 1e-6 });
    net.dispose();
  });

  it('refuses missing and unknown statistics', () => {
    const net = createVgg({ ...SMALL, batchNorm: true });
    const plain = createVgg(SMALL);
    expect(refusal('argument', () => net.updateStatistics({}))).toMatch(/bn1_1.mean is missing/);
    expect(refusal('argument', () => plain.updateStatistics({ 'bn1_1.mean': tensor1d([1]) }))).toMatch(
      /bn1_1.mean is not one/,
    );
    for (const made of [net, plain]) made.dispose();
  });
});

describe('replaceHead', () => {
  it('replaces fc8 and keeps everything else', () =>
    expectNoLeak(() => {
      const net = createVgg(SMALL);
      const names = [...net.variables.keys()];
      const kept = net.variables.get('fc6.weight');
      net.replaceHead(9, zeroInitialiser());
      expect(net.options.classes).toBe(9);
      expect([...net.variables.keys()]).toEqual(names);
      expect([...net.trainable.keys()]).toEqual(names);
      expect(net.variables.get('fc6.weight')).toBe(kept);
      tidy(() => void expect(numbers(net.apply(images()).logits)).toEqual(new Array(18).fill(0)));
      tidy(() => void expect(net.dense(images(64)).scores.shape).toEqual([2, 2, 2, 9]));
      net.dispose();
    }));

  it('keeps frozen layers frozen, and uses the He initialiser by default', async () => {
    const net = createVgg(SMALL, zeroInitialiser());
    net.freeze('features');
    net.replaceHead(2);
    expect([...net.trainable.keys()]).toEqual(['fc6.weight', 'fc6.bias', 'fc8.weight', 'fc8.bias']);
    expect(numbers(net.variables.get('fc8.weight')).some((x) => x !== 0)).toBe(true);
    expect(refusal('argument', () => net.replaceHead(0))).toMatch(/classes must be an integer of at least 1, got 0/);
    const half: Initialiser = ({ role }) => new Float32Array(role === 'weight' ? 16 * 3 : 1);
    await expectNoLeak(() =>
      expect(() => net.replaceHead(3, half)).toThrow(/expected 3 numbers for fc8.bias \[3\], got 1/),
    );
    expect(net.options.classes).toBe(2);
    net.dispose();
  });
});

describe('memory', () => {
  it.each([
    // Convolutions 8, pools 5, fc6 1, dropout's mask and product 2, logits 1.
    ['one activation per convolution', false, [], 17],
    // In addition, for each of 8 batch norms: the output of the convolution, mean, biased and unbiased variance.
    ['two with batch norm', true, [], 49],
    // pool5, fc6, dropout 2, logits.
    ['none of frozen features', true, ['features'], 5],
  ] as const)('in training is used for %s', (_, batchNorm, frozen, buffers) => {
    const net = createVgg({ ...SMALL, batchNorm });
    net.freeze(...frozen);
    const batch = images();
    let held = 0;
    const { value, grads } = variableGrads(() => {
      const before = memory().numDataBuffers;
      const { logits } = net.apply(batch, { training: true, dropout });
      held = memory().numDataBuffers - before;
      return crossEntropy(logits, [0, 3]);
    }, [...net.trainable.values()]);
    expect(held).toBe(buffers);
    dispose([value, grads, batch]);
    net.dispose();
  });

  it('in inference is the same for a deep net and a shallow one', async () => {
    const most: number[] = [];
    for (const configuration of ['A', 'E'] as const) {
      const net = createVgg({ ...SMALL, configuration });
      const batch = images();
      const before = memory().numTensors;
      const { kernels } = await profile(() => net.apply(batch).logits);
      most.push(Math.max(...kernels.map(({ totalTensorsSnapshot }) => totalTensorsSnapshot - before)));
      net.dispose();
    }
    expect(most[1]).toBe(most[0]);
    expect(most[0]).toBeLessThan(8);
  });

  it('is freed completely after every computation', () =>
    expectNoLeak(() => {
      const net = createVgg({ ...SMALL, batchNorm: true });
      const batch = images();
      const { logits, batchStatistics, taps } = net.apply(batch, {
        training: true,
        dropout,
        taps: ['prob', 'relu1_1'],
      });
      net.updateStatistics(batchStatistics);
      const { scores } = net.dense(batch);
      const features = net.features(batch, ['pool5', 'relu6']);
      dispose([logits, batchStatistics, taps, scores, features, batch]);
      net.dispose();
    }));
});
