/** MaxPool and its gradient (native/kernels/max_pool.cc). */
import { backend_util, engine, type TensorInfo } from '@tensorflow/tfjs-core';
import { DeferredPool, DeferredPoolGradient, DeferredRelu } from './deferred';
import { areWhole, isFloat, type KernelCall, type KernelTable, MOST, sameShape } from './kernel';

interface PoolAttributes {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Largest number of elements of a window: the workspace numbers them in one byte, where 255 means none. */
const MAX_WINDOW = 255;

function geometry(x: number[], attrs: Record<string, unknown>) {
  if (x.length !== 4) return undefined;
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as PoolAttributes;
  const shape = x as [number, number, number, number];
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { filterHeight, filterWidth, strideHeight, strideWidth, outHeight, outWidth, padInfo } = info;
  const sizes = [filterHeight, filterWidth, strideHeight, strideWidth, outHeight, outWidth];
  const whole = areWhole(sizes, 1, MOST) && areWhole([padInfo.top, padInfo.left], 0, MOST);
  return whole && filterHeight * filterWidth <= MAX_WINDOW ? info : undefined;
}

function poolAttributes(info: backend_util.Conv2DInfo): number[] {
  return [
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.dilationHeight,
    info.dilationWidth,
    info.padInfo.top,
    info.padInfo.left,
  ];
}

/** Returns true for VGG's pool: 2 × 2 at stride 2 without padding. */
function isSquareOfTwo(info: backend_util.Conv2DInfo): boolean {
  const { inHeight, inWidth, outHeight, outWidth } = info;
  const halved = outHeight === Math.floor(inHeight / 2) && outWidth === Math.floor(inWidth / 2);
  return halved && poolAttributes(info).join() === '2,2,2,2,1,1,0,0';
}

function maxPool({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const info = geometry(x.shape, attrs);
  if (info === undefined) return undefined;
  // As in TF.js, a 1 × 1 window that keeps the shape changes nothing, whatever the padding and stride.
  const trivial = info.filterHeight === 1 && info.filterWidth === 1 && info.outShape.join() === x.shape.join();
  if (trivial) return backend.alias(x, x.shape);
  const recordsGradients = engine().state.gradientDepth > 0;
  const attributes = [...poolAttributes(info), recordsGradients ? 1 : 0];
  const input = backend.record(x);
  const { deferred } = input;
  const fuses = deferred instanceof DeferredRelu && !recordsGradients && isSquareOfTwo(info);
  // A reshaped tensor has other windows than the convolution's output.
  if (fuses && deferred.convolution.plan.shape.join() === x.shape.join()) {
    return backend.defer(new DeferredPool(backend, input, deferred, info.outShape, attributes), info.outShape);
  }
  return backend.run('MaxPool', [backend.operand(x)], { shape: info.outShape }, attributes);
}

function maxPoolGrad({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { dy, input, output } = inputs;
  if (!isFloat(dy) || !isFloat(input) || !isFloat(output)) return undefined;
  const info = geometry(input.shape, attrs);
  if (info === undefined || info.outShape.join() !== dy.shape.join() || !sameShape(dy, output)) return undefined;
  const operands = [backend.operand(dy), backend.operand(input), backend.operand(output)];
  const plan = { kernel: 'MaxPoolGrad', operands, shape: input.shape, attributes: poolAttributes(info) };
  return backend.defer(new DeferredPoolGradient(backend, plan), input.shape);
}

export const poolingKernels: KernelTable = { MaxPool: maxPool, MaxPoolGrad: maxPoolGrad };
