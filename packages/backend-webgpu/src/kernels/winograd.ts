/**
 * Convolutions of 3 x 3 and their gradients by Winograd's algorithm: transforms of tiles, a product for each place of a tile, and
 * a transform back. A quarter of the multiplications, or 4 of 9, and more memory traffic: for a CPU, on which multiplications and
 * the reads for them cost most. Which layers take it depends on sizes alone, so that bits do not change.
 */
import type { backend_util } from '@tensorflow/tfjs-core';
import type { Operand, VggWebgpuBackend } from '../backend';
import type { Binding } from '../runner';
import { THREADS } from '../wgsl/flat';
import type { Storage } from '../wgsl/gemm';
import {
  type LineTransform,
  TILE_UNIFORMS,
  type TileShader,
  tileShader,
  WINOGRAD,
  type Winograd,
} from '../wgsl/winograd';
import { folded, isLarge, runProducts } from './gemm';
import { factor } from './mat-mul';
import { imageRanges, imagesOf, storageOf } from './ranges';

type Geometry = backend_util.Conv2DInfo;

/** Images of one side of a convolution: what tiles are read from or written to. */
interface Images {
  height: number;
  width: number;
  channels: number;
  /** Padding before the first row and column. */
  top: number;
  left: number;
}

export interface WinogradPlan {
  of: Winograd;
  info: Geometry;
  /** Images whose tiles are bound at once. */
  images: number;
}

const tilesAlong = (pixels: number, of: Winograd) => Math.ceil(pixels / of.outputs);

/** Cost of moving a number of a tile, in multiplications: reading, writing and transforming it, as measured on lavapipe. */
const TILE_MOVED = 16;

/** The same for a number of a filter, whose squares fill more than the nearest cache. */
const FILTER_MOVED = 32;

/** Multiplications of a convolution by Winograd, and what its transforms cost; those of a direct one for `of` undefined. */
function cost(info: Geometry, of: Winograd | undefined): number {
  const { batchSize, outHeight, outWidth, inChannels, outChannels } = info;
  const filters = inChannels * outChannels;
  if (of === undefined) return batchSize * outHeight * outWidth * 9 * filters;
  const tiles = batchSize * tilesAlong(outHeight, of) * tilesAlong(outWidth, of);
  const places = of.inputs ** 2;
  const ofTile = 2 * places * inChannels + (places + of.outputs ** 2) * outChannels;
  return places * tiles * filters + TILE_MOVED * ofTile * tiles + FILTER_MOVED * (places + 9) * filters;
}

/** The transforms that cost least, or undefined if a direct convolution does. */
function cheapest(info: Geometry): Winograd | undefined {
  let best: Winograd | undefined;
  for (const of of [WINOGRAD[2], WINOGRAD[4]]) if (cost(info, of) < cost(info, best)) best = of;
  return best;
}

/** True if the convolution is one of 3 x 3 whose channels are read by fours. */
function isThreeByThree(info: Geometry): boolean {
  const { padInfo } = info;
  const ones = [info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth];
  const padding = [padInfo.top, padInfo.left, padInfo.bottom, padInfo.right];
  return (
    info.filterHeight === 3 &&
    info.filterWidth === 3 &&
    ones.every((size) => size === 1) &&
    padding.every((pixels) => pixels < 3) &&
    info.inChannels % 4 === 0 &&
    info.outChannels % 4 === 0
  );
}

/** The plan of a convolution by Winograd, or undefined where a direct one costs less or tensor cores compute it. */
export function winogradPlan(
  backend: VggWebgpuBackend,
  info: Geometry,
  operands: readonly Operand[],
): WinogradPlan | undefined {
  if (backend.unit !== undefined || !isThreeByThree(info)) return undefined;
  const { batchSize, outHeight, outWidth, inChannels, outChannels } = info;
  const product = { m: batchSize * outHeight * outWidth, n: outChannels, k: 9 * inChannels };
  const { winograd: asked } = backend;
  const pays = backend.lanes && backend.tile === undefined && isLarge(product);
  const of = asked === undefined ? (pays ? cheapest(info) : undefined) : WINOGRAD[asked];
  if (of === undefined) return undefined;
  const images = imagesThatFit(backend, info, { of, operands });
  return images === undefined ? undefined : { of, info, images };
}

/** Images whose tiles and pixels are bound at once; undefined if those of one are too many. */
function imagesThatFit(
  backend: VggWebgpuBackend,
  info: Geometry,
  { of, operands }: { of: Winograd; operands: readonly Operand[] },
): number | undefined {
  const { bindingLimit } = backend;
  const { batchSize, inChannels, outChannels } = info;
  const places = of.inputs ** 2 * 4;
  if (places * inChannels * outChannels > bindingLimit) return undefined;
  const [height, width] = [Math.max(info.inHeight, info.outHeight), Math.max(info.inWidth, info.outWidth)];
  const tiles = tilesAlong(height, of) * tilesAlong(width, of);
  const ofImages = operands.map(({ count, half }) => (count / batchSize) * (half ? 2 : 4));
  const each = ofImages.reduce((a, b) => Math.max(a, b), places * tiles * Math.max(inChannels, outChannels));
  const most = Math.floor(bindingLimit / each);
  if (most >= batchSize) return batchSize;
  // Ranges start where a binding may.
  let step = 1;
  while (ofImages.some((bytes) => (step * bytes) % 256 !== 0)) step *= 2;
  const images = Math.floor(most / step) * step;
  return images === 0 ? undefined : images;
}

interface Transformed {
  name: string;
  transform: LineTransform;
  from: Binding;
  /** True if what is read lies in groups. */
  groups?: boolean;
  to: Binding;
  /** Threads: tiles, or channels of the filter, by four channels. */
  count: number;
  input?: Storage;
  output?: Storage;
  turned?: boolean;
  add?: boolean;
  bias?: Binding | undefined;
  relu?: boolean;
  /** Images whose pixels are read or written; none for a filter. */
  pixels?: { images: Images; of: 'from' | 'to'; step: number; tilesY: number; tilesX: number };
}

function transformed(backend: VggWebgpuBackend, info: Geometry, t: Transformed): void {
  const { pixels } = t;
  const shader: TileShader = {
    transform: t.transform,
    from: pixels?.of === 'from' ? 'pixels' : t.groups ? 'groups' : 'planes',
    to: pixels?.of === 'to' ? 'pixels' : 'planes',
    step: pixels?.step ?? 0,
    input: t.input ?? 'f32',
    output: t.output ?? 'f32',
    turned: t.turned ?? false,
    add: t.add ?? false,
    bias: t.bias !== undefined,
    relu: t.relu ?? false,
  };
  const { transform, ...options } = shader;
  const key = [t.transform.from, t.transform.to, ...Object.values(options)].join();
  const program = backend.runner.program(t.name, key, () => tileShader(shader));
  const { height = 0, width = 0, channels = info.outChannels, top = 0, left = 0 } = pixels?.images ?? {};
  const values: Record<(typeof TILE_UNIFORMS)[number], number> = {
    count: t.count,
    c: channels / 4,
    h: height,
    w: width,
    tilesY: pixels?.tilesY ?? 0,
    tilesX: pixels?.tilesX ?? 0,
    top,
    left,
  };
  backend.runner.run({
    program,
    bindings: [t.from, t.to, ...(t.bias === undefined ? [] : [t.bias])],
    uniforms: Uint32Array.from(TILE_UNIFORMS, (name) => values[name]).buffer,
    groups: folded(Math.ceil(t.count / THREADS)),
    label: () => `${t.name} of [${info.inShape}] to ${info.outChannels} channels`,
  });
}

interface Convolution {
  source: Operand;
  filter: Operand;
  target: Operand;
  bias?: Binding | undefined;
  relu: boolean;
}

/** Records the convolution, or, of gradients by the filter turned by half, the gradient of its input. */
export function winogradConvolution(
  backend: VggWebgpuBackend,
  plan: WinogradPlan,
  { source, filter, target, bias, relu }: Convolution,
  direction: 'output' | 'input',
): void {
  const { of, info } = plan;
  const places = of.inputs ** 2;
  const { padInfo } = info;
  const x = { height: info.inHeight, width: info.inWidth, channels: info.inChannels };
  const y = { height: info.outHeight, width: info.outWidth, channels: info.outChannels };
  const forward = direction === 'output';
  const [from, to] = forward ? [x, y] : [y, x];
  const [top, left] = forward ? [padInfo.top, padInfo.left] : [2 - padInfo.top, 2 - padInfo.left];
  const [tilesY, tilesX] = [tilesAlong(to.height, of), tilesAlong(to.width, of)];
  const filters = info.inChannels * info.outChannels;
  const u = backend.scratch(places * filters);
  transformed(backend, info, {
    name: 'WinogradFilter',
    transform: of.filter,
    from: { buffer: filter.buffer },
    to: { buffer: u },
    count: filters / 4,
    input: storageOf(filter),
    turned: !forward,
  });
  for (const range of imageRanges(info.batchSize, plan.images)) {
    const tiles = range.images * tilesY * tilesX;
    const v = backend.scratch(places * tiles * from.channels);
    transformed(backend, info, {
      name: 'WinogradInput',
      transform: of.input,
      from: imagesOf(source, info, range),
      to: { buffer: v },
      count: (tiles * from.channels) / 4,
      input: storageOf(source),
      pixels: { images: { ...from, top, left }, of: 'from', step: of.outputs, tilesY, tilesX },
    });
    const products = backend.scratch(places * tiles * to.channels);
    const single = { half: false };
    const [k, n] = [from.channels, to.channels];
    const b = forward ? factor('B', single, 'own', n) : factor('B', single, 'k', k);
    runProducts(
      backend,
      [
        {
          name: 'MatMul',
          label: () => `WinogradProducts, ${places} of ${tiles} tiles by [${k},${n}]`,
          m: tiles,
          n,
          k,
          batch: places,
          a: { ...factor('A', single, 'k', k), binding: { buffer: v }, base: 0, stride: k, perBatch: tiles * k },
          b: { ...b, binding: { buffer: u }, base: 0, stride: forward ? n : k, perBatch: filters },
          line: 'u.k',
          uniforms: {},
          key: '',
        },
      ],
      { binding: { buffer: products }, storage: 'f32', base: 0, stride: places * n, perBatch: n, relu: false },
    );
    backend.release(v);
    transformed(backend, info, {
      name: 'WinogradOutput',
      transform: of.output,
      from: { buffer: products },
      groups: true,
      to: imagesOf(target, info, range),
      count: (tiles * n) / 4,
      output: storageOf(target),
      bias,
      relu,
      pixels: { images: { ...to, top: 0, left: 0 }, of: 'to', step: of.outputs, tilesY, tilesX },
    });
    backend.release(products);
  }
  backend.release(u);
}

/** Records the gradient of a filter. The sums of several ranges of images are added up in order. */
export function winogradFilterGradient(
  backend: VggWebgpuBackend,
  plan: WinogradPlan,
  { x, dy, target }: { x: Operand; dy: Operand; target: Operand },
): void {
  const { of, info } = plan;
  const places = of.inputs ** 2;
  const { padInfo, inChannels, outChannels } = info;
  const filters = inChannels * outChannels;
  const [tilesY, tilesX] = [tilesAlong(info.outHeight, of), tilesAlong(info.outWidth, of)];
  const sizeX = {
    height: info.inHeight,
    width: info.inWidth,
    channels: inChannels,
    top: padInfo.top,
    left: padInfo.left,
  };
  const sizeY = { height: info.outHeight, width: info.outWidth, channels: outChannels, top: 0, left: 0 };
  for (const range of imageRanges(info.batchSize, plan.images)) {
    const tiles = range.images * tilesY * tilesX;
    const sides = [
      { name: 'WinogradInput', transform: of.input, operand: x, images: sizeX },
      { name: 'WinogradGradient', transform: of.gradient, operand: dy, images: sizeY },
    ].map(({ name, transform, operand, images }) => {
      const to = backend.scratch(places * tiles * images.channels);
      transformed(backend, info, {
        name,
        transform,
        from: imagesOf(operand, info, range),
        to: { buffer: to },
        count: (tiles * images.channels) / 4,
        input: storageOf(operand),
        pixels: { images, of: 'from', step: of.outputs, tilesY, tilesX },
      });
      return to;
    });
    const [v, w] = sides as [GPUBuffer, GPUBuffer];
    const sums = backend.scratch(places * filters);
    const single = { half: false };
    const [m, n] = [inChannels, outChannels];
    runProducts(
      backend,
      [
        {
          name: 'MatMul',
          label: () => `WinogradSums, ${places} of ${tiles} tiles to [${m},${n}]`,
          m,
          n,
          k: tiles,
          batch: places,
          a: { ...factor('A', single, 'own', m), binding: { buffer: v }, base: 0, stride: m, perBatch: tiles * m },
          b: { ...factor('B', single, 'own', n), binding: { buffer: w }, base: 0, stride: n, perBatch: tiles * n },
          line: 'u.k',
          uniforms: {},
          key: '',
        },
      ],
      { binding: { buffer: sums }, storage: 'f32', base: 0, stride: places * n, perBatch: n, relu: false },
    );
    for (const buffer of sides) backend.release(buffer);
    transformed(backend, info, {
      name: 'WinogradFilterGradient',
      transform: of.filterGradient,
      from: { buffer: sums },
      groups: true,
      to: { buffer: target.buffer },
      count: filters / 4,
      add: range.from > 0,
    });
    backend.release(sums);
  }
}
