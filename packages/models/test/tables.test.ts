/** Nets of tables, of other numbers of channels and of rectangular images. */
import './engine';
import { slice, type Tensor4D, tidy, variableGrads } from '@tensorflow/tfjs-core';
import { hashedImages } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import {
  type Configuration,
  configurationText,
  createVgg,
  descriptor,
  formatSummary,
  layersNamed,
  planLayers,
  poolings,
  resolveOptions,
  resolveTap,
  summarise,
} from '../src/index';
import { crossEntropy } from './engine';
import { dropout, images, numbers, refusal, SMALL } from './small-net';

/** Tables of torchvision: https://github.com/pytorch/vision/blob/main/torchvision/models/vgg.py */
const TORCHVISION = {
  A: [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  D: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
} as const;

const DIGITS = {
  configuration: [8, 'pool', { filters: 12, kernel: 1 }, 16, 'LRN', 'pool', 20],
  channels: 1,
  inputSize: [28, 20],
  classes: 10,
  head: 'small',
  width: 0.5,
} as const;

/** Returns images [n, height, width, channels]. */
function grey(height: number, width: number): Tensor4D {
  return tidy(() => slice(hashedImages({ seed: 2, amplitude: 1 }, 2, height, width), [0, 0, 0, 0], [-1, -1, -1, 1]));
}

describe("torchvision's tables", () => {
  it.each(['A', 'D'] as const)('are the nets of the paper: %s', (column) => {
    for (const batchNorm of [false, true]) {
      const options = { ...SMALL, batchNorm, inputSize: 64 };
      const table = resolveOptions({ ...options, configuration: TORCHVISION[column] });
      expect(planLayers(table)).toEqual(planLayers(resolveOptions({ ...options, configuration: column })));
    }
  });

  it('compute the same bits', () => {
    tidy(() => {
      const [named, listed] = (['A', TORCHVISION.A] satisfies Configuration[]).map((configuration) => {
        const net = createVgg({ ...SMALL, configuration });
        const { logits } = net.apply(images());
        net.dispose();
        return numbers(logits);
      });
      expect(listed).toEqual(named);
    });
  });
});

describe('a table', () => {
  it('has layers by stage, of the given kernels and filters', () => {
    const plan = planLayers(resolveOptions({ ...DIGITS, batchNorm: true }));
    expect(plan.map(({ name }) => name)).toEqual([
      'conv1_1',
      'bn1_1',
      'relu1_1',
      'pool1',
      'conv2_1',
      'bn2_1',
      'relu2_1',
      'conv2_2',
      'bn2_2',
      'relu2_2',
      'norm2',
      'pool2',
      'conv3_1',
      'bn3_1',
      'relu3_1',
      'fc6',
      'relu6',
      'drop6',
      'fc8',
      'prob',
    ]);
    expect(plan.find(({ name }) => name === 'conv1_1')).toMatchObject({ kernel: 3, inputs: 1, outputs: 4 });
    expect(plan.find(({ name }) => name === 'conv2_1')).toMatchObject({ kernel: 1, inputs: 4, outputs: 6 });
    expect(plan.find(({ name }) => name === 'fc6')).toMatchObject({ stage: 4, window: [7, 5], inputs: 350 });
    expect(poolings(DIGITS.configuration)).toBe(2);
    expect(configurationText(DIGITS.configuration)).toBe('8-pool-1x1x12-16-LRN-pool-20');
    expect(configurationText('A-LRN')).toBe('A-LRN');
  });

  it('is summarised', () => {
    const summary = summarise(DIGITS);
    expect(summary.layers.find(({ name }) => name === 'pool2')!.outputShape).toEqual([7, 5, 8]);
    // 9·1·4 + 4, 4·6 + 6, 9·6·8 + 8, 9·8·10 + 10, 350·256 + 256, 256·10 + 10.
    expect(summary.parameters).toBe(40 + 30 + 440 + 730 + 89_856 + 2570);
    expect(formatSummary(summary)).toContain('relu3_1');
  });

  it('classifies images of its size, and has features and class scores of larger ones', () => {
    tidy(() => {
      const net = createVgg(DIGITS);
      const { logits, taps } = net.apply(grey(28, 20), { taps: ['norm2', 'relu3_1', 'features.0'] });
      expect(logits.shape).toEqual([2, 10]);
      expect(taps.norm2.shape).toEqual([2, 14, 10, 8]);
      expect(taps.relu3_1.shape).toEqual([2, 7, 5, 10]);
      const { scores } = net.dense(grey(28, 20));
      expect(scores.shape).toEqual([2, 1, 1, 10]);
      expect(numbers(scores)).toBeAllclose(numbers(logits), { rtol: 1e-5, atol: 1e-5 });
      expect(net.dense(grey(40, 24)).scores.shape).toEqual([2, 4, 2, 10]);
      expect(net.features(grey(9, 4), ['pool2']).pool2.shape).toEqual([2, 2, 1, 8]);
      expect(descriptor(net, grey(28, 20)).shape).toEqual([2, 256]);
      net.dispose();
    });
  });

  it('has gradients of all its variables', () => {
    tidy(() => {
      const net = createVgg({ ...DIGITS, batchNorm: true });
      const { grads } = variableGrads(() =>
        crossEntropy(net.apply(grey(28, 20), { training: true, dropout }).logits, [1, 2]),
      );
      for (const [name, { name: key }] of net.trainable) expect(grads[key], name).toBeDefined();
      net.dispose();
    });
  });

  it('names layers, stages and taps', () => {
    expect(layersNamed(DIGITS, ['stage2', 'classifier'])).toEqual(['conv2_1', 'conv2_2', 'fc6', 'fc8']);
    expect(resolveTap(DIGITS, 'block2_conv2')).toBe('relu2_2');
    expect(refusal('argument', () => layersNamed(DIGITS, ['stage4']))).toContain('stage1 to stage3');
  });

  it('refuses images of other sides or channels', () => {
    tidy(() => {
      const net = createVgg(DIGITS);
      expect(refusal('shape', () => net.apply(grey(20, 28)))).toContain('images of 28 x 20, got 20 x 28');
      expect(refusal('shape', () => net.apply(images() as Tensor4D))).toContain('[n, height, width, 1]');
      expect(refusal('shape', () => net.dense(grey(28, 19)))).toContain('width ≥ 20, got 19');
      expect(refusal('shape', () => net.features(grey(8, 3), ['pool2']))).toContain('width ≥ 4, got 3');
      net.dispose();
    });
  });
});
