/** Conv2D, FusedConv2D and their two gradients: three products of one template. */
import { backend_util, getKernel, type TensorInfo } from '@tensorflow/tfjs-core';
import type { Operand, VggWebgpuBackend } from '../backend';
import type { Binding } from '../runner';
import type { Factor } from '../wgsl/gemm';
import {
  FIXED,
  matrixB,
  sizesOf,
  transposedFilter,
  WINDOW,
  windowsByTap,
  windowsOfGradient,
  windowsOfInput,
} from '../wgsl/windows';
import { isLarge, type PlacedFactor, type Product, runProducts } from './gemm';
import { isFloat, type KernelCall, type KernelTable, staysOnCpu } from './kernel';
import { imageRanges, imagesOf, rowsThatFit, storageOf } from './ranges';
import { winogradConvolution, winogradFilterGradient, winogradPlan } from './winograd';

interface ConvolutionAttributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  dataFormat: 'NHWC' | 'NCHW';
  dilations?: [number, number] | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

type Shape4D = [number, number, number, number];
type Geometry = backend_util.Conv2DInfo;

/** The geometry, or undefined when it is not one of NHWC with ungrouped channels. */
function geometry(x: number[], filter: number[], attrs: Record<string, unknown>): Geometry | undefined {
  const { strides, pad, dataFormat, dilations = 1, dimRoundingMode } = attrs as unknown as ConvolutionAttributes;
  if (dataFormat !== 'NHWC' || x.length !== 4 || x[3] !== filter[2]) return undefined;
  const shapes = [x as Shape4D, filter as Shape4D] as const;
  const info = backend_util.computeConv2DInfo(
    ...shapes,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
  return info.outHeight > 0 && info.outWidth > 0 ? info : undefined;
}

function sizes(backend: VggWebgpuBackend, info: Geometry) {
  const { padInfo } = info;
  const values = {
    h: info.inHeight,
    w: info.inWidth,
    cin: info.inChannels,
    oh: info.outHeight,
    ow: info.outWidth,
    cout: info.outChannels,
    kh: info.filterHeight,
    kw: info.filterWidth,
    sy: info.strideHeight,
    sx: info.strideWidth,
    dy: info.dilationHeight,
    dx: info.dilationWidth,
    top: padInfo.top,
    left: padInfo.left,
  };
  // A CPU compiles a shader for seconds, and divides by channels once per thread.
  const constant = backend.software ? WINDOW : FIXED;
  return sizesOf(values, backend.constantSizes ? constant : []);
}

/** Images that every one of these tensors binds at once. */
function imagesThatFit(backend: VggWebgpuBackend, info: Geometry, operands: readonly Operand[]): number {
  const { batchSize } = info;
  let images = batchSize;
  for (const operand of operands)
    images = Math.min(images, rowsThatFit(backend, operand, operand.count / batchSize) ?? images);
  if (images === batchSize) return images;
  // Of several limits the smallest number holds, and it must be aligned for every tensor: multiples of 64 images always are.
  const aligned = operands.every(({ count, half }) => (images * (count / batchSize) * (half ? 2 : 4)) % 256 === 0);
  return aligned ? images : Math.max(1, Math.floor(images / 64) * 64);
}

const placed = (factor: Factor, tensor: TensorInfo, binding: Binding, stride: number): PlacedFactor => ({
  ...factor,
  tensor,
  binding,
  stride,
  base: 0,
  perBatch: 0,
});

function labelled(name: string, info: Geometry): () => string {
  const { batchSize, inHeight, inWidth, inChannels, filterHeight, filterWidth, outChannels } = info;
  return () =>
    `${name} of [${batchSize},${inHeight},${inWidth},${inChannels}] by [${filterHeight},${filterWidth},${inChannels},${outChannels}]`;
}

interface Epilogue {
  bias?: TensorInfo | undefined;
  relu: boolean;
}

function forward(
  backend: VggWebgpuBackend,
  info: Geometry,
  x: TensorInfo,
  filter: TensorInfo,
  { bias, relu }: Epilogue,
) {
  const [from, by] = [backend.operand(x), backend.operand(filter)];
  const output = backend.output(info.outShape, backend.precision === 'float16');
  const to = backend.operand(output);
  const plan = winogradPlan(backend, info, [from, to]);
  if (plan !== undefined) {
    const binding = bias && { buffer: backend.operand(bias).buffer };
    winogradConvolution(backend, plan, { source: from, filter: by, target: to, bias: binding, relu }, 'output');
    return output;
  }
  const { sizes: s, uniforms, key } = sizes(backend, info);
  const [cin, cout] = [info.inChannels, info.outChannels];
  const a = windowsOfInput({ storage: storageOf(from), vector: cin % 4 === 0 }, s);
  const b = matrixB({ storage: storageOf(by), vector: cout % 4 === 0 });
  for (const range of imageRanges(info.batchSize, imagesThatFit(backend, info, [from, to]))) {
    const product: Product = {
      name: 'Conv2D',
      label: labelled('Conv2D', info),
      m: range.images * info.outHeight * info.outWidth,
      n: cout,
      k: info.filterHeight * info.filterWidth * cin,
      batch: 1,
      a: placed(a, x, imagesOf(from, info, range), 0),
      b: placed(b, filter, { buffer: by.buffer }, cout),
      line: s.cin,
      uniforms,
      key,
    };
    runProducts(backend, [product], {
      binding: imagesOf(to, info, range),
      storage: storageOf(to),
      base: 0,
      stride: cout,
      perBatch: 0,
      bias: bias && { buffer: backend.operand(bias).buffer },
      relu,
    });
  }
  return output;
}

function conv2d({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, filter } = inputs;
  if (!isFloat(x) || !isFloat(filter) || staysOnCpu(backend, [x, filter])) return undefined;
  const info = geometry(x.shape, filter.shape, attrs);
  return info && forward(backend, info, x, filter, { relu: false });
}

function fusedConv2d({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, filter, bias, preluActivationWeights } = inputs;
  const { activation = 'linear' } = attrs as { activation?: string };
  if (!isFloat(x) || !isFloat(filter) || preluActivationWeights || staysOnCpu(backend, [x, filter])) return undefined;
  if (activation !== 'linear' && activation !== 'relu') return undefined;
  const info = geometry(x.shape, filter.shape, attrs);
  if (info === undefined) return undefined;
  if (bias && !(isFloat(bias) && bias.shape.length === 1 && bias.shape[0] === info.outChannels)) return undefined;
  return forward(backend, info, x, filter, { bias: bias ?? undefined, relu: activation === 'relu' });
}

/** A copy of a filter as [kh, kw, cout, cin]. The caller disposes it. */
function channelsSwapped(backend: VggWebgpuBackend, filter: TensorInfo): TensorInfo {
  const { kernelFunc } = getKernel('Transpose', 'webgpu')!;
  return kernelFunc({ inputs: { x: filter }, attrs: { perm: [0, 1, 3, 2] }, backend }) as TensorInfo;
}

function conv2dBackpropInput({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { dy, filter } = inputs;
  if (!isFloat(dy) || !isFloat(filter)) return undefined;
  const { inputShape } = attrs as { inputShape: number[] };
  const info = geometry(inputShape, filter.shape, attrs);
  if (info === undefined || info.outShape.join() !== dy.shape.join()) return undefined;
  const [cin, cout] = [info.inChannels, info.outChannels];
  const sizesOfProduct = {
    m: info.batchSize * info.inHeight * info.inWidth,
    n: cin,
    k: info.filterHeight * info.filterWidth * cout,
  };
  const from = backend.operand(dy);
  // Gradients of activations are float32: float16 would lose those below 6e-8.
  const output = backend.output(info.inShape);
  const to = backend.operand(output);
  const plan = winogradPlan(backend, info, [from, to]);
  if (plan !== undefined) {
    const convolution = { source: from, filter: backend.operand(filter), target: to, relu: false };
    winogradConvolution(backend, plan, convolution, 'input');
    return output;
  }
  // On a CPU, where reads cost most, columns that lie together are worth a copy of the filter, unless threads read for each other.
  const byLanes = backend.lanes && cout % 4 === 0;
  const { software, tile, unit } = backend;
  const copied = software && tile === undefined && unit === undefined && isLarge(sizesOfProduct) && !byLanes;
  const read = copied ? channelsSwapped(backend, filter) : filter;
  const by = backend.operand(read);
  const { sizes: s, uniforms, key } = sizes(backend, info);
  const a = windowsOfGradient({ storage: storageOf(from), vector: cout % 4 === 0 }, s);
  const b = copied
    ? matrixB({ storage: storageOf(by), vector: cin % 4 === 0 })
    : transposedFilter({ storage: storageOf(by), vector: cout % 4 === 0 }, s);
  for (const range of imageRanges(info.batchSize, imagesThatFit(backend, info, [from, to]))) {
    const product: Product = {
      name: 'Conv2DBackpropInput',
      label: labelled('Conv2DBackpropInput', info),
      ...sizesOfProduct,
      m: range.images * info.inHeight * info.inWidth,
      batch: 1,
      a: placed(a, dy, imagesOf(from, info, range), 0),
      b: placed(b, read, { buffer: by.buffer }, cin),
      line: s.cout,
      uniforms,
      key,
    };
    const binding = imagesOf(to, info, range);
    runProducts(backend, [product], {
      binding,
      storage: storageOf(to),
      base: 0,
      stride: cin,
      perBatch: 0,
      relu: false,
    });
  }
  if (copied) backend.disposeData(read.dataId);
  return output;
}

function conv2dBackpropFilter({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, dy } = inputs;
  if (!isFloat(x) || !isFloat(dy)) return undefined;
  const { filterShape } = attrs as { filterShape: number[] };
  const info = geometry(x.shape, filterShape, attrs);
  if (info === undefined || info.outShape.join() !== dy.shape.join()) return undefined;
  const [from, by] = [backend.operand(x), backend.operand(dy)];
  const output = backend.output(filterShape);
  const plan = winogradPlan(backend, info, [from, by]);
  if (plan !== undefined) {
    winogradFilterGradient(backend, plan, { x: from, dy: by, target: backend.operand(output) });
    return output;
  }
  const { sizes: s, uniforms, key } = sizes(backend, info);
  const [cin, cout] = [info.inChannels, info.outChannels];
  const a = windowsByTap({ storage: storageOf(from), vector: cin % 4 === 0 }, s);
  const b = matrixB({ storage: storageOf(by), vector: cout % 4 === 0 });
  const products = imageRanges(info.batchSize, imagesThatFit(backend, info, [from, by])).map(
    (range): Product => ({
      name: 'Conv2DBackpropFilter',
      label: labelled('Conv2DBackpropFilter', info),
      m: info.filterHeight * info.filterWidth * cin,
      n: cout,
      k: range.images * info.outHeight * info.outWidth,
      batch: 1,
      a: placed(a, x, imagesOf(from, info, range), 0),
      b: placed(b, dy, imagesOf(by, info, range), cout),
      line: s.ow,
      uniforms,
      key,
    }),
  );
  const binding = { buffer: backend.operand(output).buffer };
  runProducts(backend, products, { binding, storage: 'f32', base: 0, stride: cout, perBatch: 0, relu: false });
  return output;
}

export const convolutionKernels: KernelTable = {
  Conv2D: conv2d,
  FusedConv2D: fusedConv2d,
  Conv2DBackpropInput: conv2dBackpropInput,
  Conv2DBackpropFilter: conv2dBackpropFilter,
};
