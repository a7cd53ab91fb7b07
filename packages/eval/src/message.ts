/** Message of one process of an evaluation to the others, as bytes: a header in JSON, then the sums of posteriors in float64. */
import type { Outcome } from '@vgg/core';
import type { SkippedImage } from './load';
import { Posteriors } from './score';

/** Image with its posteriors, or the reason why it is skipped. */
export type Scored =
  | SkippedImage
  | { readonly key: string; readonly label: number | null; readonly posteriors: Posteriors };

/** Results of one process in one round, or its failure. */
export interface Message extends Outcome {
  readonly entries: readonly Scored[];
  /** Number of views that it has passed through the nets. */
  readonly views: number;
  /** Number of images of the whole evaluation in the last message; null before. */
  readonly total: number | null;
}

interface Header extends Omit<Message, 'entries'> {
  readonly entries: readonly (
    | SkippedImage
    | { key: string; label: number | null; sums: readonly [name: string, views: number][] }
  )[];
}

export function encode({ entries, ...message }: Message): Uint8Array {
  const sums: Float64Array[] = [];
  const header: Header = {
    ...message,
    entries: entries.map((entry) => {
      if ('reason' in entry) return entry;
      const { key, label, posteriors } = entry;
      const own = [...posteriors.sums];
      for (const [, { sum }] of own) sums.push(sum);
      return { key, label, sums: own.map(([name, { views }]) => [name, views]) };
    }),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const numbers = sums.reduce((length, { byteLength }) => length + byteLength, 0);
  const bytes = new Uint8Array(4 + text.length + numbers);
  new DataView(bytes.buffer).setUint32(0, text.length);
  bytes.set(text, 4);
  let offset = 4 + text.length;
  for (const { buffer, byteOffset, byteLength } of sums) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
    offset += byteLength;
  }
  return bytes;
}

/** @param classes number of classes of a posterior. */
export function decode(bytes: Uint8Array, classes: number): Message {
  const textEnd = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const { entries, ...message } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, textEnd))) as Header;
  // A copy, since float64 must begin at a multiple of eight bytes.
  const numbers = new Float64Array(new Uint8Array(bytes.subarray(textEnd)).buffer);
  let offset = 0;
  const next = () => {
    offset += classes;
    return numbers.subarray(offset - classes, offset);
  };
  return {
    ...message,
    entries: entries.map((entry) => {
      if ('reason' in entry) return entry;
      const sums = entry.sums.map(([name, views]) => [name, { sum: next(), views }] as const);
      return { key: entry.key, label: entry.label, posteriors: new Posteriors(classes, sums) };
    }),
  };
}
