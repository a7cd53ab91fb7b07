/** The net's file: what it takes before it is fetched, by its header alone, and the net once it is. */
import { VggError } from '@vgg/core';
import { type Summary, summarise } from '@vgg/models';
import { type ByteSource, bytesOf, type LoadedNet, loadNet, openWeights, recogniseNet } from '@vgg/weights';

export interface Estimate {
  /** What is downloaded, in bytes. */
  readonly bytes: number;
  /** The number format of the file's weights: `F16`. */
  readonly dtype: string;
  readonly configuration: string;
  readonly summary: Summary;
}

async function fetched(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init).catch((cause) => {
    throw new VggError('io', `${url} cannot be fetched: is the server there?`, { cause });
  });
  if (response.ok) return response;
  throw new VggError('io', `${url} cannot be fetched: the server says ${response.status}`);
}

/** The bytes of a file on a server from `begin` on, and its size; from a server that gives no ranges, of the whole. */
async function rangeOf(url: string, begin: number, length: number): Promise<{ bytes: Uint8Array; size: number }> {
  const range = `bytes=${begin}-${begin + length - 1}`;
  const response = await fetched(url, { headers: { range }, cache: 'no-store' });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 206) return { bytes: bytes.slice(begin, begin + length), size: bytes.length };
  return { bytes, size: Number(response.headers.get('content-range')?.split('/')[1]) };
}

/** What is read at once: a header fits in it. */
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

/** What loading the file will take, from its header. */
export async function estimate(url: string): Promise<Estimate> {
  const file = await sourceOf(url);
  const source = await openWeights(file);
  const { options } = recogniseNet(source);
  const [first] = [...source.tensors.values()];
  return {
    bytes: file.size,
    dtype: first?.dtype ?? 'none',
    configuration: `${options.configuration}${options.batchNorm ? ' with batch norm' : ''}, width ${options.width}`,
    summary: summarise(options),
  };
}

/** The file's bytes, telling the share that has come. */
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

/** The net on the engine in use. The caller disposes its model. */
export async function netOf(bytes: Uint8Array, name: string): Promise<LoadedNet> {
  return await loadNet(await openWeights(bytesOf(bytes, name)));
}
