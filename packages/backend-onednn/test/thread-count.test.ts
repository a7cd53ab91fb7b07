/** The bits of sums do not depend on the number of threads. */
import { createHash } from 'node:crypto';
import { randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { Device, type Operand } from '../src/device';
import { loadNative } from '../src/load';
import type { NativeOptions } from '../src/native';
import { isBuilt, reason } from './native-build';

const PRECISIONS =
  isBuilt && loadNative().bf16 ? (['float32', 'bfloat16', 'bfloat16-fast'] as const) : (['float32'] as const);
/** True if filter gradients of bfloat16 are divided by the number of threads, as with AMX (decision 0151). */
const amx = isBuilt && loadNative().amx;

/** Stride 1, no dilation, padding 1. */
const SAME = [1, 1, 1, 1, 1, 1, 1, 1];
const STRIDED = [2, 2, 1, 1, 1, 1, 1, 1];

/** Kernel, shapes of inputs, shapes of outputs, attributes. */
type Case = [string, number[][], number[][], number[]];

function filterGradient(images: number, side: number, inputs: number, filters: number, attributes = SAME): Case {
  const outputs = Math.ceil(side / attributes[0]!);
  const shapes = [
    [images, side, side, inputs],
    [images, outputs, outputs, filters],
  ];
  return ['Conv2DBackpropFilter', shapes, [[3, 3, inputs, filters], [filters]], attributes];
}

/** A few rows times a matrix, which may be transposed or expected again. */
function fewRows(rows: number, transposed: 0 | 1, again: 0 | 1): Case {
  const matrix = transposed === 1 ? [1, 1000, 1024] : [1, 1024, 1000];
  return ['BatchMatMul', [[1, rows, 1024], matrix], [[1, rows, 1000]], [0, transposed, 0, again]];
}

const CASES: readonly Case[] = [
  filterGradient(5, 18, 3, 16),
  filterGradient(1, 32, 3, 64),
  filterGradient(5, 18, 16, 32),
  filterGradient(16, 16, 64, 128),
  filterGradient(7, 10, 128, 256),
  filterGradient(11, 9, 32, 32, STRIDED),
  [
    'BatchMatMul',
    [
      [1, 256, 512],
      [1, 256, 10],
    ],
    [[1, 512, 10]],
    [1, 0, 0, 0],
  ],
  [
    'BatchMatMul',
    [
      [1, 32, 4096],
      [1, 32, 1000],
    ],
    [[1, 4096, 1000]],
    [1, 0, 0, 0],
  ],
  // More terms than oneDNN adds up in one piece.
  [
    'BatchMatMul',
    [
      [1, 2048, 100],
      [1, 2048, 2],
    ],
    [[1, 100, 2]],
    [1, 0, 0, 0],
  ],
  [
    'BatchMatMul',
    [
      [3, 20, 40],
      [3, 40, 50],
    ],
    [[3, 20, 50]],
    [0, 0, 0, 0],
  ],
  fewRows(3, 0, 0),
  fewRows(5, 0, 1),
  fewRows(7, 1, 0),
  ['Sum', [[1000, 48]], [[48]], [1, 1, 0]],
  ['ChannelMoments', [[4, 20, 20, 48]], [[48], [48]], []],
];

/** Returns a hash of a kernel's outputs, computed with that many threads. */
function hash(
  [kernel, inputs, outputs, attributes]: Case,
  options: Pick<NativeOptions, 'threads' | 'precision'>,
): string {
  const device = new Device(loadNative(), {
    memoryLimit: 2 ** 30,
    cacheLimit: 16,
    poison: true,
    synchronous: false,
    ...options,
  });
  const operands = inputs.map((shape, i): Operand => {
    const values = new Float32Array(shape.reduce((a, b) => a * b));
    return { shape, buffer: device.upload('float32', randomStream(i, kernel).fillNormal(values)) };
  });
  const results = outputs.map((shape) => ({ shape, dtype: 'float32' as const, buffer: device.reserve() }));
  device.submit(kernel, operands, results, attributes);
  const digest = createHash('sha256');
  for (const { buffer } of results) digest.update(new Uint8Array(device.readSync(buffer)));
  device.close();
  return digest.digest('hex');
}

describe.skipIf(!isBuilt)(`the number of threads${reason}`, () => {
  for (const precision of PRECISIONS) {
    const same = CASES.filter(([kernel]) => !amx || precision === 'float32' || kernel !== 'Conv2DBackpropFilter');
    it.each(same.map((each): [string, Case] => [`${each[0]} of ${each[1].map((s) => `[${s}]`).join(' ')}`, each]))(
      `does not change the bits of %s in ${precision}`,
      (_, each) => {
        const [one, ...others] = [1, 2, 3, 4, 6].map((threads) => hash(each, { threads, precision }));
        expect(others).toEqual([one, one, one, one]);
      },
    );
  }
});
