/** MaxPool and MaxPoolGrad. */
import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { Operand, VggWebgpuBackend } from '../backend';
import { THREADS } from '../wgsl/flat';
import { POOL_UNIFORMS, poolGradientShader, poolShader } from '../wgsl/pool';
import { folded } from './gemm';
import { isFloat, type KernelCall, type KernelTable, staysOnCpu } from './kernel';
import { rangeOf, rowsThatFit } from './ranges';

type Geometry = backend_util.Conv2DInfo;

function geometry(shape: number[], attrs: Record<string, unknown>): Geometry | undefined {
  if (shape.length !== 4) return undefined;
  const { filterSize, strides, pad, dimRoundingMode } = attrs as {
    filterSize: [number, number] | number;
    strides: [number, number] | number;
    pad: 'valid' | 'same' | number;
    dimRoundingMode?: 'floor' | 'round' | 'ceil';
  };
  const x = shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(x, filterSize, strides, 1, pad, dimRoundingMode);
  return info.outHeight > 0 && info.outWidth > 0 ? info : undefined;
}

interface Pool {
  info: Geometry;
  x: Operand;
  /** Given for the gradient. */
  dy?: Operand;
  y: Operand;
}

function run(backend: VggWebgpuBackend, { info, x, dy, y }: Pool): void {
  const vector = info.inChannels % 4 === 0;
  const c = vector ? info.inChannels / 4 : info.inChannels;
  const storage = (operand: Operand | undefined) => (operand?.half ? 'f16' : 'f32');
  const shader = { input: storage(x), gradient: storage(dy), output: storage(y), vector } as const;
  const name = dy === undefined ? 'MaxPool' : 'MaxPoolGrad';
  const program = backend.runner.program(name, Object.values(shader).join(), () =>
    dy === undefined ? poolShader(shader) : poolGradientShader(shader),
  );
  const operands = dy === undefined ? [y, x] : [y, x, dy];
  const each = operands.map((operand) => operand.count / info.batchSize);
  const most = operands.reduce(
    (least, operand, i) => Math.min(least, rowsThatFit(backend, operand, each[i]!) ?? info.batchSize),
    info.batchSize,
  );
  for (let from = 0; from < info.batchSize; from += most) {
    const images = Math.min(most, info.batchSize - from);
    const count = (images * each[0]!) / (vector ? 4 : 1);
    const { padInfo } = info;
    const values: Record<(typeof POOL_UNIFORMS)[number], number> = {
      count,
      c,
      h: info.inHeight,
      w: info.inWidth,
      oh: info.outHeight,
      ow: info.outWidth,
      kh: info.filterHeight,
      kw: info.filterWidth,
      sy: info.strideHeight,
      sx: info.strideWidth,
      dy: info.dilationHeight,
      dx: info.dilationWidth,
      top: padInfo.top,
      left: padInfo.left,
    };
    backend.runner.run({
      program,
      bindings: operands.map((operand, i) =>
        images === info.batchSize ? { buffer: operand.buffer } : rangeOf(operand, from * each[i]!, images * each[i]!),
      ),
      uniforms: Uint32Array.from(POOL_UNIFORMS, (key) => values[key]).buffer,
      groups: folded(Math.ceil(count / THREADS)),
      label: () => `${name} of [${info.inShape}]`,
    });
  }
}

function maxPool({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x) || staysOnCpu(backend, [x])) return undefined;
  const info = geometry(x.shape, attrs);
  if (info === undefined) return undefined;
  const trivial = info.filterHeight === 1 && info.filterWidth === 1 && info.outShape.join() === x.shape.join();
  if (trivial) return backend.alias(x, x.shape);
  const operand = backend.operand(x);
  const output = backend.output(info.outShape, operand.half);
  run(backend, { info, x: operand, y: backend.operand(output) });
  return output;
}

function maxPoolGrad({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { dy, input } = inputs;
  if (!isFloat(dy) || !isFloat(input)) return undefined;
  const info = geometry(input.shape, attrs);
  if (info === undefined || info.outShape.join() !== dy.shape.join()) return undefined;
  const gradient = backend.operand(dy);
  const output = backend.output(input.shape, gradient.half);
  run(backend, { info, x: backend.operand(input), dy: gradient, y: backend.operand(output) });
  return output;
}

export const poolingKernels: KernelTable = { MaxPool: maxPool, MaxPoolGrad: maxPoolGrad };
