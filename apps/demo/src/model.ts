/** The net's file: an estimate from its header, its download, and the net. */
import { sizeOf, VggError } from '@vgg/core';
import { configurationText, type Summary, summarise } from '@vgg/models';
import { type ByteSource, bytesOf, type LoadedNet, loadNet, openWeights, recogniseNet } from '@vgg/weights';

export interface Estimate {
  /** Size of the download, in bytes. */
  readonly bytes: number;
  /** Number format of the weights in the file, such as `F16`. */
  readonly dtype: string;
  readonly configuration: string;
  /** Class names; empty if the file does not have them. */
  readonly classes: readonly string[];
  readonly summary: Summary;
}

async function fetched(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init).catch((cause) => {
    throw new VggError('io', `${url} cannot be fetched: check that the server runs`, { cause });
  });
  if (response.ok) return response;
  throw new VggError('io', `${url} cannot be fetched: the server answers ${response.status}`);
}

/** Fetches bytes of a file from `begin`, and its size. A server without ranges sends the whole file. */
async function rangeOf(url: string, begin: number, length: number): Promise<{ bytes: Uint8Array; size: number }> {
  const range = `bytes=${begin}-${begin + length - 1}`;
  const response = await fetched(url, { headers: { range }, cache: 'no-store' });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 206) return { bytes: bytes.slice(begin, begin + length), size: bytes.length };
  return { bytes, size: Number(response.headers.get('content-range')?.split('/')[1]) };
}

/** Number of bytes of the first read: a header fits in it. */
const FIRST_BYTES = 2 ** 16;

async function sourceOf(url: string): Promise<ByteSource> {
  const { bytes, size } = await rangeOf(url, 0, FIRST_BYTES);
  return {
    ...bytesOf(bytes, url),
    size,
    async read(begin, length) {
      if (begin + length <= bytes.length) return bytes.subarray(begin, begin + length);
      return (await rangeOf(url, begin, length)).bytes;
    },
  };
}

/** Estimates what loading a file takes, from its header. */
export async function estimate(url: string): Promise<Estimate> {
  const file = await sourceOf(url);
  const source = await openWeights(file);
  const { options } = recogniseNet(source);
  const largest = [...source.tensors.values()].reduce((a, b) => (sizeOf(b.shape) > sizeOf(a.shape) ? b : a));
  return {
    bytes: file.size,
    dtype: largest.dtype,
    configuration: `${configurationText(options.configuration)}${options.batchNorm ? ' with batch norm' : ''}, width ${options.width}`,
    classes: JSON.parse(source.metadata['vgg.classes'] ?? '[]') as string[],
    summary: summarise(options),
  };
}

/** Downloads a file. `onProgress` gets the share received so far, from 0 to 1. */
export async function download(url: string, onProgress: (share: number) => void): Promise<Uint8Array> {
  const response = await fetched(url);
  const total = Number(response.headers.get('content-length'));
  const parts: BlobPart[] = [];
  let received = 0;
  const reader = response.body!.getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    parts.push(value as BlobPart);
    received += value!.length;
    onProgress(total > 0 ? received / total : 1);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Builds the net on the engine in use. The caller disposes its model. */
export async function netOf(bytes: Uint8Array, name: string): Promise<LoadedNet> {
  return await loadNet(await openWeights(bytesOf(bytes, name)));
}
