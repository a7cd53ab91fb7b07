/**
 * Features by the names of torchvision and Keras, and the descriptor of Appendix B, against torchvision
 * (tools/fixtures/features.py).
 */
import './engine';
import { readFileSync } from 'node:fs';
import {
  add,
  grad,
  matMul,
  profile,
  type Scalar,
  slice,
  square,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import { expectNoLeak, hashed, hashedImages, hashedInitialiser } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import {
  createVgg,
  type DescriptorOptions,
  descriptor,
  flatten,
  globalAverage,
  type ResolvedVggOptions,
  resolveTap,
  summarise,
  type Tap,
  type Vgg,
  zeroInitialiser,
} from '../src/index';
import { images, numbers, refusal, SMALL } from './small-net';

interface Recorded {
  seed: number;
  amplitude: number;
  images: number;
  sizes: [height: number, width: number][];
  nets: {
    options: ResolvedVggOptions;
    modules: Record<string, { shape: number[]; numbers: [weightedSum: number, length: number] }>;
    descriptors: Record<string, number[]>;
  }[];
}

const recorded: Recorded = JSON.parse(readFileSync(new URL('./fixtures/features.json', import.meta.url), 'utf8'));
const SCALES = recorded.sizes.map(
  ([height, width]) =>
    () =>
      hashedImages(recorded, recorded.images, height, width),
);
/** Interval of the recorded units: every ninth of the descriptors of two images. */
const RECORDED_STRIDE = 9;

/** Returns the values of the first image's output that the fixture records. */
function fingerprint(output: Tensor): { shape: number[]; numbers: number[] } {
  const shape = output.shape.slice(1);
  const values = output.dataSync().slice(0, output.size / output.shape[0]!);
  const weights = hashed(1, values.length);
  let weighted = 0;
  for (let i = 0; i < values.length; i++) weighted += values[i]! * (2 * weights[i]! - 1);
  return { shape, numbers: [weighted, Math.hypot(...values)] };
}

const NETS = recorded.nets.map(
  (net) => [`${net.options.configuration}${net.options.batchNorm ? '-bn' : ''}`, net] as const,
);

describe.each(NETS)('%s', (_, { options, modules, descriptors }) => {
  const withNet = (use: (net: Vgg) => void) =>
    tidy(() => {
      const net = createVgg(options, hashedInitialiser(recorded));
      use(net);
      net.dispose();
    });

  it('has the output of each torchvision module, by its name', () => {
    withNet((net) => {
      const names = Object.keys(modules) as Tap[];
      const taps = net.features(SCALES[0]!(), names);
      for (const name of names) {
        const { shape, numbers: expected } = modules[name]!;
        const got = fingerprint(taps[name]);
        expect(
          got.shape.filter((side, i) => shape.length > 1 || i === 2 || side !== 1),
          name,
        ).toEqual(shape);
        // A sum of signed terms: its error is relative to the length of the vector.
        expect(got.numbers, name).toBeAllclose(expected, { rtol: 1e-4, atol: 1e-4 * expected[1] });
      }
    });
  });

  const cases: [string, number[], DescriptorOptions][] = [
    ['one scale', [0], {}],
    ['no flip, own length', [1], { flip: false, normalise: false }],
    ['average', [0, 1, 2], {}],
    ['stack', [0, 1, 2], { scales: 'stack' }],
    ['pool5', [1], { tap: 'pool5', flip: false }],
  ];
  it.each(cases)('has the descriptor of Appendix B computed with torchvision: %s', (name, scales, how) => {
    withNet((net) => {
      const described = descriptor(
        net,
        scales.map((scale) => SCALES[scale]!()),
        how,
      );
      const units = described.shape[1];
      const kept = numbers(described).filter((_, i) => (i % units) % RECORDED_STRIDE === 0);
      const expected = descriptors[name]!;
      const largest = Math.max(...expected.map(Math.abs));
      expect(kept).toBeAllclose(expected, { rtol: 1e-4, atol: 1e-5 * largest });
    });
  });

  it('flattens like torch.flatten', () => {
    withNet((net) => {
      const flat = flatten(net.features(SCALES[1]!(), ['pool5']).pool5, 'CHW');
      const kept = numbers(flat).filter((_, i) => (i % flat.shape[1]) % RECORDED_STRIDE === 0);
      expect(kept).toBeAllclose(descriptors.flattened!, { rtol: 1e-4, atol: 1e-5 });
    });
  });
});

describe('names', () => {
  it('of torchvision count batch norm as a module; those of Keras mean a convolution with its ReLU', () => {
    // torchvision: vgg16's features[15] and vgg16_bn's features[22] are the ReLUs of the seventh convolution.
    expect(resolveTap({ configuration: 'D' }, 'features.15')).toBe('relu3_3');
    expect(resolveTap({ configuration: 'D', batchNorm: true }, 'features.22')).toBe('relu3_3');
    expect(resolveTap({ configuration: 'D', batchNorm: true }, 'features.15')).toBe('bn3_1');
    expect(resolveTap({ configuration: 'D' }, 'classifier.3')).toBe('fc7');
    expect(resolveTap({ configuration: 'D' }, 'block3_conv3')).toBe('relu3_3');
    expect(resolveTap({ configuration: 'E' }, 'block4_pool')).toBe('pool4');
    expect(resolveTap({ configuration: 'E' }, 'fc2')).toBe('relu7');
    expect(resolveTap({ configuration: 'E' }, 'predictions')).toBe('prob');
    expect(resolveTap({ configuration: 'A-LRN' }, 'norm1')).toBe('norm1');
  });

  it('that the net lacks are refused with the nearest name', () => {
    const wrong = (tap: string, options: Parameters<typeof resolveTap>[0]) => () => resolveTap(options, tap as Tap);
    expect(refusal('argument', wrong('features.31', { configuration: 'D' }))).toMatch(
      /no layer "features.31" to tap \(did you mean "features.\d+"\?\)/,
    );
    expect(refusal('argument', wrong('block3_conv4', { configuration: 'D' }))).toMatch(/no layer "block3_conv4"/);
    expect(refusal('argument', wrong('features.0', { configuration: 'C' }))).toMatch(/no layer "features.0"/);
    expect(refusal('argument', wrong('classifier.2', { configuration: 'D' }))).toMatch(/no layer "classifier.2"/);
    expect(refusal('argument', wrong('__proto__', { configuration: 'D' }))).toMatch(/no layer "__proto__"/);
  });

  it('work in every view, and two names of one layer share a tensor', () => {
    const net = createVgg(SMALL);
    tidy(() => {
      const batch = images();
      const { logits, taps } = net.apply(batch, { taps: ['predictions', 'prob', 'classifier.0'] });
      expect(taps.predictions).toBe(taps.prob);
      expect([logits.shape, taps['classifier.0'].shape]).toEqual([
        [2, 4],
        [2, 16],
      ]);
      const dense = net.dense(batch, { taps: ['block5_pool'] });
      expect(dense.taps.block5_pool.shape).toEqual([2, 1, 1, 16]);
    });
    net.dispose();
  });
});

describe('a net without a head', () => {
  const options = { ...SMALL, head: 'none' } as const;

  it('has and computes only the convolutions', async () => {
    const bare = createVgg(options);
    const whole = createVgg(SMALL);
    expect([...bare.variables.keys()]).toEqual([...whole.variables.keys()].filter((name) => name.startsWith('conv')));
    expect(bare.options.classes).toBe(0);
    const batch = images(45, 70);
    const [a, b] = [bare, whole].map((net) => net.features(batch, ['relu3_2', 'pool5'])) as [
      Record<string, Tensor>,
      Record<string, Tensor>,
    ];
    expect(numbers(a.pool5)).toEqual(numbers(b.pool5));
    expect(numbers(a.relu3_2)).toEqual(numbers(b.relu3_2));
    const { kernels } = await profile(() => bare.features(batch, ['relu3_2', 'pool5']).pool5);
    expect(kernels.filter(({ name }) => name === 'FusedConv2D')).toHaveLength(8);
    expect(kernels.filter(({ name }) => /MatMul/.test(name))).toEqual([]);
    bare.dispose();
    whole.dispose();
  });

  it('counts 14,714,688 parameters for D, as Keras does for VGG16 without its top', () => {
    const { parameters, layers } = summarise({ configuration: 'D', head: 'none' });
    expect(parameters).toBe(14_714_688);
    expect(layers.at(-1)!.name).toBe('pool5');
  });

  it('refuses computations of class scores', () => {
    const net = createVgg(options, zeroInitialiser()) as Vgg;
    for (const use of [() => net.apply(images()), () => net.dense(images()), () => net.replaceHead(3)]) {
      expect(refusal('argument', use)).toMatch(/needs class scores, which a net with head "none" lacks: use features/);
    }
    expect(refusal('argument', () => net.features(images(), ['fc6']))).toMatch(/no layer "fc6"/);
    net.dispose();
  });
});

describe('the gradient of the images', () => {
  it('costs no gradient of filters and biases', async () => {
    const net = createVgg({ ...SMALL, head: 'none', batchNorm: true });
    const loss = (x: Tensor) => sum(net.features(x as Tensor4D, ['relu2_1']).relu2_1) as Scalar;
    const batch = images();
    const { kernels } = await profile(() => grad(loss)(batch));
    const names = kernels.map(({ name }) => name);
    expect(names).toContain('Conv2DBackpropInput');
    expect(names).not.toContain('Conv2DBackpropFilter');
    net.dispose();
  });
});

describe('a net with a linear head', () => {
  it('classifies by the mean of pool5 if the training crop has one position there', () => {
    tidy(() => {
      const net = createVgg({ ...SMALL, head: 'linear' });
      expect([...net.variables.keys()].slice(-2)).toEqual(['fc8.weight', 'fc8.bias']);
      const { scores, taps } = net.dense(images(64, 96), { taps: ['pool5'] });
      expect(scores.shape).toEqual([2, 2, 3, 4]);
      const [weight, bias] = ['weight', 'bias'].map((role) => net.variables.get(`fc8.${role}`)!);
      const linear = add(matMul(globalAverage(taps.pool5), weight as Tensor2D), bias!);
      expect(numbers(globalAverage(scores))).toBeAllclose(numbers(linear), { rtol: 1e-4, atol: 1e-4 });
      net.dispose();
    });
  });
});

describe('maps as vectors', () => {
  // Two rows, one column, three channels.
  const map = () => tensor([1, 2, 3, 4, 5, 6], [1, 2, 1, 3]);

  it('are means over positions, or all numbers in either order', () => {
    tidy(() => {
      expect(numbers(globalAverage(map()))).toEqual([2.5, 3.5, 4.5]);
      expect(numbers(flatten(map()))).toEqual([1, 2, 3, 4, 5, 6]);
      expect(numbers(flatten(map(), 'CHW'))).toEqual([1, 4, 2, 5, 3, 6]);
    });
  });

  it('need a feature map', () => {
    expect(refusal('shape', () => globalAverage(zeros([2, 3])))).toMatch(/expected a feature map .*, got \[2,3\]/);
    expect(refusal('shape', () => flatten(zeros([0, 2, 2, 3])))).toMatch(/got \[0,2,2,3\]/);
  });
});

describe('the descriptor', () => {
  it('has length 1, or is 0 for a net with outputs of 0', () => {
    const net = createVgg(SMALL);
    const zero = createVgg(SMALL, zeroInitialiser());
    tidy(() => {
      const lengths = (of: Vgg) => numbers(sum(square(descriptor(of, images(40))), 1));
      expect(lengths(net)).toBeAllclose([1, 1], { rtol: 1e-5 });
      expect(lengths(zero)).toEqual([0, 0]);
    });
    net.dispose();
    zero.dispose();
  });

  it('uses pool5 of a net without a head, and has a gradient in the image', () => {
    tidy(() => {
      const net = createVgg({ ...SMALL, head: 'none' });
      const first = (x: Tensor) => sum(slice(descriptor(net, x as Tensor4D), [0, 0], [1, 1])) as Scalar;
      expect(descriptor(net, images()).shape).toEqual([2, 16]);
      const gradient = numbers(grad(first)(images()));
      expect(gradient.every(Number.isFinite)).toBe(true);
      expect(gradient.some((x) => x !== 0)).toBe(true);
      net.dispose();
    });
  });

  it('leaks nothing', () => {
    const net = createVgg(SMALL);
    return expectNoLeak(() => {
      const scales = [images(32), images(64)];
      const described = descriptor(net, scales, { scales: 'stack' });
      for (const tensor of [...scales, described]) tensor.dispose();
    }).then(() => net.dispose());
  });

  it('refuses no scales, other images at another scale and images too small', () => {
    const net = createVgg(SMALL);
    expect(refusal('argument', () => descriptor(net, []))).toMatch(/images at one scale at least, got none/);
    expect(refusal('shape', () => descriptor(net, [images(), zeros([1, 32, 32, 3])]))).toMatch(
      /same images at every scale, got 2 at one and 1 at another/,
    );
    expect(refusal('shape', () => descriptor(net, images(16)))).toMatch(/relu6 needs height ≥ 32, got 16/);
    net.dispose();
  });
});
