/**
 * Attributes and shapes that no kernel expects. Whatever a program passes, native memory is not touched outside a tensor,
 * and the result is that of the CPU backend, or an error where that throws. The sanitized build sees every access outside.
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { type RandomStream, randomStream, sizeOf } from '@vgg/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/device';
import { loadNative } from '../src/load';
import type { NativeType } from '../src/native';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

type Outcome = 'error' | { shape: number[]; dtype: string; values: number[] }[];

/** Runs a program. What it returns, it returns from either backend. */
function outcome(program: () => tf.Tensor | tf.Tensor[]): Outcome {
  try {
    return tf.tidy(() => {
      const results = program();
      return (Array.isArray(results) ? results : [results]).map((y) => ({
        shape: [...y.shape],
        dtype: y.dtype,
        values: [...y.dataSync()],
      }));
    });
  } catch {
    return 'error';
  }
}

const HOSTILE = [-1, -2, -4000, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40, -(2 ** 33), 1e300];

/** Draws small numbers, of which one in eight is hostile. */
class Draw {
  constructor(readonly stream: RandomStream) {}

  below(bound: number): number {
    return this.stream.integer(bound);
  }

  number(bound = 4): number {
    return this.below(8) > 0 ? this.below(bound) : HOSTILE[this.below(HOSTILE.length)]!;
  }

  list<T>(length: number, draw: () => T): T[] {
    return Array.from({ length }, draw);
  }

  /** Draws as many numbers as dimensions, or rarely one more or less. */
  perDimension(x: tf.Tensor, draw: () => number = () => this.number()): number[] {
    const length = this.below(16) > 0 ? x.rank : Math.max(0, x.rank + (this.below(2) * 2 - 1));
    return this.list(length, draw);
  }

  tensor(rank = this.below(4) + 1, dtype: 'float32' | 'int32' = this.below(3) > 0 ? 'float32' : 'int32'): tf.Tensor {
    const shape = this.list(rank, () => this.below(4) + 1);
    const values = normals(sizeOf(shape), ...shape);
    return tf.tensor(dtype === 'int32' ? Int32Array.from(values, (v) => v * 4) : values, shape, dtype);
  }

  window() {
    // The CPU backend would loop over all pixels of a huge padding.
    const pad = (['same', 'valid', this.below(3), -1, 0.5, Number.NaN] as const)[this.below(6)]!;
    // Nor does it end with strides of 0 or windows that are not whole numbers.
    const size = () => (this.below(8) > 0 ? this.below(4) + 1 : [-1, 5, Number.NaN][this.below(3)]!);
    const pair = () => [size(), size()];
    const strides = () => [this.below(3) + 1, this.below(3) + 1];
    return {
      filterSize: pair(),
      strides: strides(),
      pad,
      dimRoundingMode: [undefined, 'floor', 'ceil'][this.below(3)],
    };
  }
}

const run = (name: string, inputs: tf.NamedTensorMap, attrs: object) =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor | tf.Tensor[];

const PROGRAMS: Readonly<Record<string, (draw: Draw) => tf.Tensor | tf.Tensor[]>> = {
  PadV2: (draw) => {
    const x = draw.tensor();
    const paddings = draw.perDimension(x).map((before) => [before, draw.number()]);
    return run('PadV2', { x }, { paddings, constantValue: draw.number() });
  },
  Slice: (draw) => {
    const x = draw.tensor();
    return run('Slice', { x }, { begin: draw.perDimension(x), size: draw.perDimension(x) });
  },
  Tile: (draw) => {
    const x = draw.tensor();
    return run('Tile', { x }, { reps: draw.perDimension(x) });
  },
  Transpose: (draw) => {
    const x = draw.tensor();
    return run('Transpose', { x }, { perm: draw.perDimension(x, () => draw.number(x.rank)) });
  },
  Reverse: (draw) => {
    const x = draw.tensor();
    return run('Reverse', { x }, { dims: draw.list(draw.below(3), () => draw.number(x.rank)) });
  },
  FlipLeftRight: (draw) => run('FlipLeftRight', { image: draw.tensor(4) }, {}),
  SplitV: (draw) => {
    const x = draw.tensor();
    const numOrSizeSplits = draw.below(2) > 0 ? draw.number() : draw.list(draw.below(3) + 1, () => draw.number());
    return run('SplitV', { x }, { numOrSizeSplits, axis: draw.number(x.rank) });
  },
  Concat: (draw) => {
    const [a, b] = [draw.tensor(2, 'float32'), draw.tensor(2, 'float32')];
    return tf.concat([a, draw.below(2) > 0 ? b : a], draw.number(2));
  },
  Pack: (draw) => {
    const x = draw.tensor(2);
    return tf.stack([x, x, x], draw.number(4));
  },
  GatherV2: (draw) => {
    const x = draw.tensor();
    const indices = tf.tensor1d(
      draw.list(draw.below(3) + 1, () => draw.number(2)),
      'int32',
    );
    return run('GatherV2', { x, indices }, { axis: draw.number(x.rank), batchDims: 0 });
  },
  OneHot: (draw) => {
    const attrs = { depth: draw.number(), onValue: draw.number(), offValue: draw.number(), dtype: 'int32' };
    return run('OneHot', { indices: draw.tensor(1, 'int32') }, attrs);
  },
  TopK: (draw) => run('TopK', { x: draw.tensor(2, 'float32') }, { k: draw.number(), sorted: true }),
  Fill: (draw) =>
    run('Fill', {}, { shape: draw.list(3, () => 16 * draw.number(3)), value: draw.number(), dtype: 'int32' }),
  ResizeBilinear: (draw) => {
    const attrs = {
      size: [draw.number(), draw.number()],
      alignCorners: draw.below(2) > 0,
      halfPixelCenters: draw.below(2) > 0,
    };
    return run('ResizeBilinear', { images: draw.tensor(4, 'float32') }, attrs);
  },
  MaxPool: (draw) => run('MaxPool', { x: draw.tensor(4, 'float32') }, draw.window()),
  MaxPoolGrad: (draw) => {
    const [input, attrs] = [draw.tensor(4, 'float32'), draw.window()];
    const output = run('MaxPool', { x: input }, attrs) as tf.Tensor;
    return run('MaxPoolGrad', { dy: tf.mul(output, 2), input, output }, attrs);
  },
  Conv2D: (draw) => {
    const [x, { strides, pad, dimRoundingMode }] = [draw.tensor(4, 'float32'), draw.window()];
    const filter = tf.ones([draw.below(3) + 1, draw.below(3) + 1, x.shape[3]!, 2]);
    const dilations = draw.list(2, () => draw.number(2) + 1);
    return run('Conv2D', { x, filter }, { strides, pad, dimRoundingMode, dataFormat: 'NHWC', dilations });
  },
  LRN: (draw) => {
    const attrs = { depthRadius: draw.number(), bias: 1, alpha: 0.5, beta: 0.75 };
    return run('LRN', { x: draw.tensor(4, 'float32') }, attrs);
  },
  Sum: (draw) => run('Sum', { x: draw.tensor(3, 'float32') }, { axis: draw.list(draw.below(3), () => draw.number(3)) }),
  ArgMax: (draw) => run('ArgMax', { x: draw.tensor(3, 'float32') }, { axis: draw.number(3) }),
};

describe.skipIf(!isBuilt)(`bounds of memory${reason}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true, precision: 'float32', memoryLimit: 2 ** 28 });
    // Otherwise the CPU backend advertises another backend on its first use, and TF.js checks what the kernels must.
    tf.env().set('IS_NODE', false);
  });

  it.each(Object.keys(PROGRAMS))('are kept by %s, with the results of the CPU backend', async (name) => {
    const programs = Array.from({ length: 150 }, (_, i) => () => PROGRAMS[name]!(new Draw(randomStream(11, name, i))));
    await tf.setBackend('cpu');
    const expected = programs.map(outcome);
    await tf.setBackend('onednn');
    programs.forEach((program, i) => {
      const actual = outcome(program);
      if (actual === 'error' || expected[i] === 'error') {
        expect([i, actual]).toEqual([i, expected[i]]);
        return;
      }
      expect([i, actual.map(({ shape, dtype }) => [shape, dtype])]).toEqual([
        i,
        expected[i]!.map(({ shape, dtype }) => [shape, dtype]),
      ]);
      expected[i]!.forEach(({ values }, k) => {
        expect(actual[k]!.values).toBeAllclose(values, { rtol: 1e-5, atol: 1e-5 });
      });
    });
  });

  it('are kept by padding with negative numbers, as on the CPU backend', async () => {
    const pad = () =>
      tf.pad(tf.ones([100, 4096]), [
        [0, 0],
        [0, -4000],
      ]);
    await tf.setBackend('cpu');
    const expected = outcome(pad);
    await tf.setBackend('onednn');
    expect(outcome(pad)).toEqual(expected);
  });

  it('are not reached by sizes above 2^31', async () => {
    await tf.setBackend('onednn');
    const x = tf.ones([2, 3]);
    for (const size of [2 ** 31, 2 ** 32, 2 ** 47]) {
      expect(() => tf.tile(x, [size, 1]).dataSync()).toThrow(/^onednn: /);
      expect(() =>
        tf
          .pad(x, [
            [size, 0],
            [0, 0],
          ])
          .dataSync(),
      ).toThrow(/^onednn: /);
      expect(() => tf.oneHot(tf.tensor1d([1], 'int32'), size).dataSync()).toThrow(/^onednn: /);
      expect(() => tf.image.resizeBilinear(tf.ones([1, 2, 2, 1]) as tf.Tensor4D, [size, 2]).dataSync()).toThrow(
        /^onednn: /,
      );
    }
    x.dispose();
  });

  it('are kept by the kernels themselves', () => {
    const module = loadNative();
    const options = { threads: 2, memoryLimit: 2 ** 24, cacheLimit: 8, poison: true, precision: 'float32' } as const;
    const device = new Device(module, { ...options, synchronous: true });
    const types: readonly NativeType[] = ['float32', 'float32', 'float32', 'int32', 'bool'];
    const failed = new Set<string>();
    for (const kernel of module.kernels) {
      for (let i = 0; i < 120; i++) {
        const draw = new Draw(randomStream(12, kernel, i));
        const shape = () => draw.list(draw.below(3) > 0 ? 4 : draw.below(4), () => draw.below(3) + 1);
        const inputs = draw.list(draw.below(6) + 1, () => {
          const [dims, dtype] = [shape(), types[draw.below(types.length)]!];
          const buffer = device.reserve();
          device.submit('Fill', [], [{ buffer, shape: dims, dtype }], [draw.below(4) - 1]);
          return { buffer, shape: dims };
        });
        const outputs = draw.list(draw.below(3) + 1, () => ({
          buffer: device.reserve(),
          shape: draw.below(2) > 0 ? inputs[0]!.shape : shape(),
          dtype: types[draw.below(types.length)]!,
        }));
        try {
          device.submit(
            kernel,
            inputs,
            outputs,
            draw.list(draw.below(14), () => draw.number()),
          );
        } catch (error) {
          expect((error as Error).message).toMatch(/^onednn: [^\n]+$/);
          failed.add(kernel);
        }
        for (const { buffer } of [...inputs, ...outputs]) buffer.release();
      }
    }
    device.close();
    expect([...failed].sort()).toEqual([...module.kernels].sort());
  });
});
