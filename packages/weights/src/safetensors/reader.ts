/** Reader of safetensors files: the header is read at once, each tensor when it is requested. */
import type { ByteSource } from '../sources/bytes';
import { rowRange, type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { headerLength, PREFIX_BYTES, parseHeader, type SafetensorsHeader } from './header';

/**
 * Reads the header of a safetensors file.
 * @throws VggError `VGG_WEIGHTS` for anything but a valid header.
 */
export async function readHeader(bytes: ByteSource): Promise<SafetensorsHeader> {
  const prefix = await bytes.read(0, Math.min(PREFIX_BYTES, bytes.size));
  const length = headerLength(prefix, bytes.size, bytes.name);
  return parseHeader(await bytes.read(PREFIX_BYTES, length), bytes.size, bytes.name);
}

/** Returns the tensors and metadata of one file. */
export async function storedTensors(
  bytes: ByteSource,
): Promise<{ tensors: Map<string, StoredTensor>; metadata: Readonly<Record<string, string>> }> {
  const { tensors, metadata, dataStart } = await readHeader(bytes);
  const entries = [...tensors].map(([name, { dtype, shape, begin }]): [string, StoredTensor] => [
    name,
    {
      dtype,
      shape,
      read: (rows) => {
        const part = rowRange({ dtype, shape }, rows);
        return bytes.read(dataStart + begin + part.begin, part.length);
      },
      readInto:
        bytes.readInto &&
        ((rows, out) => bytes.readInto!(dataStart + begin + rowRange({ dtype, shape }, rows).begin, out)),
    },
  ]);
  return { tensors: new Map(entries), metadata };
}

/** Opens a safetensors file. */
export async function readSafetensors(bytes: ByteSource): Promise<WeightSource> {
  const { tensors, metadata } = await storedTensors(bytes);
  return weightSource({ name: bytes.name, format: 'safetensors', tensors, metadata, close: () => bytes.close() });
}
