/** Safetensors files on disk: random access reads, atomic writes. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { didYouMean, VggError } from '@vgg/core';
import { writeFileAtomically } from '@vgg/core/node';
import { type Dtype, fromFloat32, fromInt32, type TensorData } from '../safetensors/dtypes';
import { layOut, type TensorEntry } from '../safetensors/header';
import { checkBytes } from '../safetensors/memory';
import { readHeader } from '../safetensors/reader';
import { openBytes } from './file-bytes';

/** Open safetensors file. Only its header is in memory; each `read` reads one tensor. The caller closes it. */
export interface SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor.
   * @throws VggError `VGG_WEIGHTS` for a name that the file lacks or a file cut short since it was opened, `VGG_IO`.
   */
  read(name: string): Promise<TensorData>;
  close(): Promise<void>;
}

/**
 * Opens a safetensors file and reads its header.
 * @throws VggError `VGG_IO` when the system refuses, `VGG_WEIGHTS` when it is not a valid safetensors file.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const bytes = await openBytes(path);
  try {
    const { tensors, metadata, dataStart } = await readHeader(bytes);
    return {
      path,
      tensors,
      metadata,
      async read(name) {
        const entry = tensors.get(name);
        if (!entry) throw new VggError('weights', `${path} has no tensor ${name}${didYouMean(name, tensors.keys())}`);
        const { dtype, shape, begin, end } = entry;
        return { dtype, shape, bytes: await bytes.read(dataStart + begin, end - begin) };
      },
      close: () => bytes.close(),
    };
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

const TENSOR_DTYPES: Readonly<Record<string, Dtype>> = { float32: 'F32', int32: 'I32' };

function describe(name: string, tensor: TensorData | Tensor): { dtype: Dtype; shape: readonly number[] } {
  if (!('dataId' in tensor)) return tensor;
  const dtype = TENSOR_DTYPES[tensor.dtype];
  if (!dtype) throw new VggError('weights', `tensor ${name} must be float32 or int32, got ${tensor.dtype}`);
  return { dtype, shape: tensor.shape };
}

async function contents(tensor: TensorData | Tensor): Promise<TensorData> {
  if (!('dataId' in tensor)) return tensor;
  const values = await tensor.data();
  return values instanceof Int32Array
    ? fromInt32(tensor.shape, values)
    : fromFloat32(tensor.shape, values as Float32Array);
}

/**
 * Writes a safetensors file atomically: at any time `path` holds the old file or the complete new one. Tensors of TF.js
 * (float32, int32) are read from the backend one at a time.
 * @throws VggError `VGG_WEIGHTS` when a tensor's bytes do not fit its shape and type, `VGG_IO` when the system refuses.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorData | Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const descriptions = new Map([...tensors].map(([name, tensor]) => [name, describe(name, tensor)]));
  const { head, order } = layOut(descriptions, metadata);
  async function* parts(): AsyncIterable<Uint8Array> {
    yield head;
    for (const name of order) {
      const tensor = await contents(tensors.get(name)!);
      checkBytes(name, tensor);
      yield tensor.bytes;
    }
  }
  await writeFileAtomically(path, parts());
}
