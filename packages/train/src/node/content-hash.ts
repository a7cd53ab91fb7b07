/** Hash of a checkpoint's content, which detects damage of its file. */
import { createHash } from 'node:crypto';
import type { Tensor } from '@tensorflow/tfjs-core';
import { fromFloat32, type TensorData } from '@vgg/weights';

/** Returns a tensor of a backend or of a file as bytes. */
export async function bytesOf(value: Tensor | TensorData): Promise<TensorData> {
  return 'dataId' in value ? fromFloat32(value.shape, (await value.data()) as Float32Array) : value;
}

/** Returns the SHA-256, in hexadecimal, of the weights of a net, by which processes find out that they have the same. */
export function weightsHash({ variables }: { readonly variables: ReadonlyMap<string, Tensor> }): Promise<string> {
  return contentHash(variables.keys(), (name) => bytesOf(variables.get(name)!), {});
}

/**
 * Returns the SHA-256, in hexadecimal, of the metadata and of all tensors in the order of their names.
 *
 * @param read returns a tensor; called for one tensor at a time.
 */
export async function contentHash(
  names: Iterable<string>,
  read: (name: string) => Promise<TensorData>,
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify(
      Object.keys(metadata)
        .sort()
        .map((key) => [key, metadata[key]]),
    ),
  );
  for (const name of [...names].sort()) {
    const { dtype, shape, bytes } = await read(name);
    hash.update(`\n${JSON.stringify([name, dtype, shape])}\n`).update(bytes);
  }
  return hash.digest('hex');
}
