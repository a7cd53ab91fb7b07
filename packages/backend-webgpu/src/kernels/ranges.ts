/** Parts of tensors: a device binds so many bytes at once (128 MiB on many), and fc6 of the paper has 411 MB. */
import { VggError } from '@vgg/core';
import type { Operand, VggWebgpuBackend } from '../backend';
import type { Binding } from '../runner';
import type { Storage } from '../wgsl/gemm';

/** Offsets of bindings are multiples of this number of bytes on every device. */
const ALIGNMENT = 256;

const bytesOf = ({ half }: Operand) => (half ? 2 : 4);

/** Numbers `from` to `from + count` of a tensor. */
export function rangeOf(operand: Operand, from: number, count: number): Binding {
  const bytes = bytesOf(operand);
  return { buffer: operand.buffer, offset: from * bytes, size: Math.ceil((count * bytes) / 4) * 4 };
}

/** Type in which a tensor's numbers are stored. */
export const storageOf = ({ half }: Pick<Operand, 'half'>): Storage => (half ? 'f16' : 'f32');

/** Some images of a batch. */
export interface ImageRange {
  from: number;
  images: number;
}

/** Divides a batch into ranges of at most so many images. */
export function imageRanges(batch: number, images: number): ImageRange[] {
  return Array.from({ length: Math.ceil(batch / images) }, (_, i) => ({
    from: i * images,
    images: Math.min(images, batch - i * images),
  }));
}

/** The part of a tensor of a whole batch that holds these images. */
export function imagesOf(
  operand: Operand,
  { batchSize }: { batchSize: number },
  { from, images }: ImageRange,
): Binding {
  const each = operand.count / batchSize;
  return images === batchSize ? { buffer: operand.buffer } : rangeOf(operand, from * each, images * each);
}

/** True if the device binds the whole tensor at once. */
export function fits(backend: VggWebgpuBackend, { buffer }: Operand): boolean {
  return buffer.size <= backend.bindingLimit;
}

/**
 * The most rows of so many numbers that are bound at once, a number of them that is aligned; undefined if the whole tensor is.
 * @throws VggError `VGG_BACKEND` if not even one aligned set of rows fits.
 */
export function rowsThatFit(backend: VggWebgpuBackend, operand: Operand, row: number): number | undefined {
  if (fits(backend, operand)) return undefined;
  const bytes = row * bytesOf(operand);
  // Vectors of four rows must not be cut either.
  let step = 4;
  while ((step * bytes) % ALIGNMENT !== 0) step *= 2;
  const limit = backend.bindingLimit;
  const rows = Math.floor(limit / (step * bytes)) * step;
  if (rows === 0) {
    throw new VggError(
      'backend',
      `webgpu: a row of ${bytes} bytes of a tensor [${operand.shape}]: this GPU binds at most ${limit}`,
    );
  }
  return rows;
}
