/** Kernels that move numbers: reshape, transpose, slice, flip, tile, pad, concatenate (native/kernels/strided.cc). */
import { backend_util, slice_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { OnednnBackend } from '../backend';
import { areWhole, isNumeric, type KernelCall, type KernelTable, storedAs } from './kernel';

/** Dimension of a strided read. */
interface Walk {
  size: number;
  stride: number;
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

/** Drops dimensions of size 1 and merges adjacent ones where the strides allow it. */
function mergeWalks(walks: readonly Walk[]): Walk[] {
  const result: Walk[] = [];
  for (const walk of walks) {
    const previous = result.at(-1);
    if (walk.size === 1) continue;
    if (previous !== undefined && previous.stride === walk.stride * walk.size) {
      result[result.length - 1] = { size: previous.size * walk.size, stride: walk.stride };
    } else {
      result.push(walk);
    }
  }
  return result.length > 0 ? result : [{ size: 1, stride: 1 }];
}

function stridedCopy(
  backend: OnednnBackend,
  x: TensorInfo & { dtype: 'float32' | 'int32' | 'bool' },
  shape: readonly number[],
  walks: readonly Walk[],
  offset = 0,
): TensorInfo {
  const plan = mergeWalks(walks);
  const attributes = [offset, ...plan.map(({ size }) => size), ...plan.map(({ stride }) => stride)];
  return backend.run('StridedCopy', [backend.operand(x)], { shape, dtype: x.dtype }, attributes);
}

/** Returns the transpose of a numeric tensor. */
export function permute(x: TensorInfo, permutation: readonly number[], backend: OnednnBackend): TensorInfo {
  const strides = stridesOf(x.shape);
  const walks = permutation.map((axis) => ({ size: x.shape[axis]!, stride: strides[axis]! }));
  const shape = walks.map(({ size }) => size);
  return stridedCopy(backend, x as TensorInfo & { dtype: 'float32' }, shape, walks);
}

function reshape({ inputs, attrs, backend }: KernelCall): TensorInfo {
  const x = inputs.x!;
  const size = util.sizeFromShape(x.shape);
  const shape = util.inferFromImplicitShape((attrs as { shape: number[] }).shape, size);
  util.assert(
    size === util.sizeFromShape(shape),
    () =>
      `The new shape (${shape}) has ${util.sizeFromShape(shape)} elements and the old shape (${x.shape}) has ${size}`,
  );
  return backend.alias(x, shape);
}

function transpose({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  const { perm } = attrs as { perm: number[] };
  if (!isNumeric(x) || !x.shape.every((_, axis) => perm.includes(axis)) || perm.length !== x.shape.length) {
    return undefined;
  }
  return permute(x, perm, backend);
}

/** Returns a copy of the part of a tensor that begins at `begin` and has the shape `size`. */
function copyPart(
  x: TensorInfo,
  begin: readonly number[],
  size: readonly number[],
  backend: OnednnBackend,
): TensorInfo {
  const strides = stridesOf(x.shape);
  const walks = size.map((length, i) => ({ size: length, stride: strides[i]! }));
  const offset = begin.reduce((sum, at, i) => sum + at * strides[i]!, 0);
  return stridedCopy(backend, x as TensorInfo & { dtype: 'float32' }, size, walks, offset);
}

function slice({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isNumeric(x)) return undefined;
  const { begin, size } = attrs as { begin: number[]; size: number[] };
  const [from, lengths] = slice_util.parseSliceParams(x, begin, size);
  slice_util.assertParamsValid(x, from!, lengths!);
  // A negative beginning passes these checks.
  if (!areWhole(from!) || !areWhole(lengths!, 1)) return undefined;
  return copyPart(x, from!, lengths!, backend);
}

function splitV({ inputs, attrs, backend }: KernelCall): TensorInfo[] | undefined {
  const { x } = inputs;
  if (!isNumeric(x)) return undefined;
  const { numOrSizeSplits, axis } = attrs as { numOrSizeSplits: number[] | number; axis: number };
  const along = util.parseAxisParam(axis, x.shape)[0]!;
  const sizes = backend_util.prepareSplitSize(
    x as Parameters<typeof backend_util.prepareSplitSize>[0],
    numOrSizeSplits,
    along,
  );
  if (!areWhole(sizes, 1)) return undefined;
  const begin = x.shape.map(() => 0);
  return sizes.map((size) => {
    const part = copyPart(x, begin, Object.assign([...x.shape], { [along]: size }), backend);
    begin[along]! += size;
    return part;
  });
}

function flip(
  x: TensorInfo & { dtype: 'float32' | 'int32' | 'bool' },
  axes: readonly number[],
  backend: OnednnBackend,
) {
  const strides = stridesOf(x.shape);
  let offset = 0;
  const walks = x.shape.map((size, i) => {
    // TF.js flips an axis as often as it is named.
    if (axes.filter((axis) => axis === i).length % 2 === 0) return { size, stride: strides[i]! };
    offset += (size - 1) * strides[i]!;
    return { size, stride: -strides[i]! };
  });
  return stridedCopy(backend, x, x.shape, walks, offset);
}

function reverse({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isNumeric(x)) return undefined;
  return flip(x, util.parseAxisParam((attrs as { dims: number[] }).dims, x.shape), backend);
}

function flipLeftRight({ inputs, backend }: KernelCall): TensorInfo | undefined {
  const { image } = inputs;
  return isNumeric(image) && image.shape.length === 4 ? flip(image, [2], backend) : undefined;
}

function tile({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  const { reps } = attrs as { reps: number[] };
  if (!isNumeric(x) || x.shape.length > 4 || reps.length !== x.shape.length || !areWhole(reps, 1)) return undefined;
  const strides = stridesOf(x.shape);
  const walks = x.shape.flatMap((size, i) => [
    { size: reps[i]!, stride: 0 },
    { size, stride: strides[i]! },
  ]);
  return stridedCopy(
    backend,
    x,
    x.shape.map((size, i) => size * reps[i]!),
    walks,
  );
}

function pad({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  const { paddings, constantValue } = attrs as { paddings: [number, number][]; constantValue: number };
  if (!isNumeric(x) || x.shape.length === 0) return undefined;
  if (paddings.length !== x.shape.length || !paddings.every((pair) => areWhole(pair))) return undefined;
  const shape = x.shape.map((size, i) => size + paddings[i]![0] + paddings[i]![1]);
  const strides = stridesOf(shape);
  const offset = paddings.reduce((sum, [before], i) => sum + before * strides[i]!, 0);
  return backend.run('PadV2', [backend.operand(x)], { shape, dtype: x.dtype }, [
    storedAs(x.dtype, constantValue),
    offset,
  ]);
}

/** Joins tensors whose shapes are equal except along `axis`. */
function join(parts: readonly TensorInfo[], axis: number, shape: readonly number[], backend: OnednnBackend) {
  const first = parts[0];
  const fits = parts.every((part) => isNumeric(part) && part.dtype === first?.dtype);
  if (!isNumeric(first) || !fits || !backend.device.fits(parts.length, first.shape.length)) return undefined;
  const operands = parts.map((part) => backend.operand(part));
  return backend.run('Concat', operands, { shape, dtype: first.dtype }, [util.sizeFromShape(shape.slice(0, axis))]);
}

function concat({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const all = Object.values(inputs) as TensorInfo[];
  const axis = util.parseAxisParam((attrs as { axis: number }).axis, all[0]!.shape)[0]!;
  const shapes = all.map(({ shape }) => shape);
  backend_util.assertParamsConsistent(shapes, axis);
  const parts = all.filter(({ shape }) => util.sizeFromShape(shape) > 0);
  return join(parts, axis, backend_util.computeOutShape(shapes, axis), backend);
}

function pack({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const parts = Object.values(inputs) as TensorInfo[];
  const { axis } = attrs as { axis: number };
  const first = parts[0]!;
  if (parts.some(({ shape, dtype }) => shape.join() !== first.shape.join() || dtype !== first.dtype)) return undefined;
  const outRank = first.shape.length + 1;
  if (!Number.isInteger(axis) || axis < -outRank || axis >= outRank) return undefined;
  const shape = [...first.shape];
  shape.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, parts.length);
  return join(parts, axis < 0 ? axis + shape.length : axis, shape, backend);
}

export const movementKernels: KernelTable = {
  Identity: ({ inputs, backend }) => backend.alias(inputs.x!, inputs.x!.shape),
  Reshape: reshape,
  Transpose: transpose,
  Slice: slice,
  SplitV: splitV,
  Reverse: reverse,
  FlipLeftRight: flipLeftRight,
  Tile: tile,
  PadV2: pad,
  Concat: concat,
  Pack: pack,
};
