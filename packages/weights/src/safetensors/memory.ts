/** Safetensors in memory: conversion of a file's bytes to tensors and back. */
import { sizeOf, VggError } from '@vgg/core';
import { DTYPE_BYTES, type TensorData } from './dtypes';
import { headerLength, layOut, PREFIX_BYTES, parseHeader } from './header';

/** Tensors of a file by name, in the header's order, and its metadata. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the bytes of a safetensors file. The tensors are views of `bytes`, not copies.
 * @param source name of the file in errors.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is cut short, or its header is not valid:
 *   lengths, offsets that overlap, leave gaps or point outside, repeated names, unknown types, not JSON.
 */
export function parseSafetensors(bytes: Uint8Array, source = 'the file'): Safetensors {
  const length = headerLength(bytes, bytes.length, source);
  const json = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
  const { tensors, metadata, dataStart } = parseHeader(json, bytes.length, source);
  const views = new Map<string, TensorData>();
  for (const [name, { dtype, shape, begin, end }] of tensors) {
    views.set(name, { dtype, shape, bytes: bytes.subarray(dataStart + begin, dataStart + end) });
  }
  return { tensors: views, metadata };
}

/** @throws VggError `VGG_WEIGHTS` when the number of a tensor's bytes is not that of its shape and type. */
export function checkBytes(name: string, { dtype, shape, bytes }: TensorData): void {
  const needed = sizeOf(shape) * DTYPE_BYTES[dtype];
  if (bytes.length !== needed) {
    throw new VggError(
      'weights',
      `tensor ${name}, ${dtype} of shape [${shape}], needs ${needed} bytes, got ${bytes.length}`,
    );
  }
}

/**
 * Returns tensors as the bytes of a safetensors file.
 * @throws VggError `VGG_WEIGHTS` when a tensor's bytes do not fit its shape and type.
 */
export function serialiseSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const { head, order } = layOut(tensors, metadata);
  const parts = [head];
  for (const name of order) {
    const tensor = tensors.get(name)!;
    checkBytes(name, tensor);
    parts.push(tensor.bytes);
  }
  const file = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let position = 0;
  for (const part of parts) {
    file.set(part, position);
    position += part.length;
  }
  return file;
}
