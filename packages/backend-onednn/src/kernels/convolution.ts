/** Conv2D, FusedConv2D and their two gradients (native/kernels/conv2d*.cc). */
import { backend_util, engine, type TensorInfo } from '@tensorflow/tfjs-core';
import { activate, type FusedAttributes, nativeActivation } from './activation';
import { DeferredOperation, DeferredRelu } from './deferred';
import { areWhole, isFloat, type KernelCall, type KernelTable, MOST } from './kernel';

interface ConvolutionAttributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  dataFormat: 'NHWC' | 'NCHW';
  dilations?: [number, number] | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

type Shape4D = [number, number, number, number];

/** Returns the convolution's geometry, or undefined if the native kernels cannot compute it. */
function geometry(x: number[], filter: number[], attributes: ConvolutionAttributes) {
  const { strides, pad, dataFormat, dilations = 1, dimRoundingMode } = attributes;
  if (dataFormat !== 'NHWC' || x.length !== 4 || filter.length !== 4 || x[3] !== filter[2]) return undefined;
  const info = backend_util.computeConv2DInfo(
    x as Shape4D,
    filter as Shape4D,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
  const { inHeight, inWidth, effectiveFilterHeight, effectiveFilterWidth, strideHeight, strideWidth, padInfo } = info;
  const { top, bottom, left, right } = padInfo;
  const sizes = [...x, ...filter, ...info.outShape, ...convolutionAttributes(info).slice(0, 4)];
  if (!areWhole(sizes, 1, MOST) || !areWhole([top, bottom, left, right], 0, MOST)) return undefined;
  // Rounded up, the last window is not whole.
  const fits =
    info.outHeight === Math.floor((inHeight + top + bottom - effectiveFilterHeight) / strideHeight) + 1 &&
    info.outWidth === Math.floor((inWidth + left + right - effectiveFilterWidth) / strideWidth) + 1;
  return fits ? info : undefined;
}

/** Returns the attributes in the order of native/kernels/convolution.h. */
function convolutionAttributes(info: backend_util.Conv2DInfo): number[] {
  const { top, bottom, left, right } = info.padInfo;
  return [info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth, top, bottom, left, right];
}

/**
 * Returns the attributes in the order of native/kernels/conv2d.cc, without those of ReLU and the pool. While no
 * gradients are recorded, the same filter is expected again.
 */
function forwardAttributes(info: backend_util.Conv2DInfo): number[] {
  return [...convolutionAttributes(info), engine().state.gradientDepth > 0 ? 0 : 1];
}

function conv2d({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, filter } = inputs;
  if (!isFloat(x) || !isFloat(filter)) return undefined;
  const info = geometry(x.shape, filter.shape, attrs as unknown as ConvolutionAttributes);
  if (info === undefined) return undefined;
  const deferred = new DeferredOperation(backend, {
    kernel: 'Conv2D',
    takesBias: true,
    operands: [backend.operand(x), backend.operand(filter)],
    shape: info.outShape,
    attributes: forwardAttributes(info),
  });
  return backend.defer(deferred, info.outShape);
}

function fusedConv2d({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, filter, bias, preluActivationWeights } = inputs;
  if (!isFloat(x) || !isFloat(filter)) return undefined;
  const info = geometry(x.shape, filter.shape, attrs as unknown as ConvolutionAttributes);
  if (info === undefined) return undefined;
  const hasBias = bias !== undefined && bias !== null;
  const channels = info.outChannels;
  if (hasBias && !(isFloat(bias) && bias.shape.length <= 1 && bias.shape[0] === channels)) return undefined;
  const fused = attrs as unknown as FusedAttributes;
  const { kernel, relu } = nativeActivation(fused.activation);
  const operands = [backend.operand(x), backend.operand(filter)];
  if (hasBias) operands.push(backend.operand(bias));
  const attributes = forwardAttributes(info);
  const shape = info.outShape;
  if (relu && engine().state.gradientDepth === 0) {
    const convolution = new DeferredOperation(backend, { kernel: 'Conv2D', operands, shape, attributes });
    return backend.defer(new DeferredRelu(convolution), shape);
  }
  const y = backend.run('Conv2D', operands, { shape }, [...attributes, relu ? 1 : 0]);
  return kernel === undefined ? y : activate(kernel, backend, y, fused, preluActivationWeights);
}

function conv2dBackpropInput({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { dy, filter } = inputs;
  if (!isFloat(dy) || !isFloat(filter)) return undefined;
  const { inputShape } = attrs as { inputShape: number[] };
  const info = geometry(inputShape, filter.shape, attrs as unknown as ConvolutionAttributes);
  if (info === undefined || info.outShape.join() !== dy.shape.join()) return undefined;
  const operands = [backend.operand(dy), backend.operand(filter)];
  return backend.run('Conv2DBackpropInput', operands, { shape: inputShape }, convolutionAttributes(info));
}

function conv2dBackpropFilter({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, dy } = inputs;
  if (!isFloat(x) || !isFloat(dy)) return undefined;
  const { filterShape } = attrs as { filterShape: number[] };
  const info = geometry(x.shape, filterShape, attrs as unknown as ConvolutionAttributes);
  if (info === undefined || info.outShape.join() !== dy.shape.join()) return undefined;
  const operands = [backend.operand(x), backend.operand(dy)];
  const attributes = convolutionAttributes(info);
  if (!backend.bf16) return backend.run('Conv2DBackpropFilter', operands, { shape: filterShape }, attributes);
  // In bfloat16 the primitive also computes the bias's gradient, which saves reading dy again. It sums in float32, less
  // exactly than Sum, so that in float32 Sum computes it.
  const [dw, db] = [backend.device.reserve(), backend.device.reserve()];
  const outputs = [
    { buffer: dw, shape: filterShape, dtype: 'float32' },
    { buffer: db, shape: [info.outChannels], dtype: 'float32' },
  ] as const;
  backend.device.submit('Conv2DBackpropFilter', operands, outputs, attributes);
  backend.record(dy).keepChannelSums({ buffer: db, shape: [info.outChannels] });
  return backend.wrap(dw, filterShape, 'float32');
}

export const convolutionKernels: KernelTable = {
  Conv2D: conv2d,
  FusedConv2D: fusedConv2d,
  Conv2DBackpropInput: conv2dBackpropInput,
  Conv2DBackpropFilter: conv2dBackpropFilter,
};
