/**
 * Opens tar shards in WebDataset's naming. The files of a sample have the same name up to the first dot: `0001.jpg` with
 * `0001.cls` (the class as decimal number or as name), or with `0001.json` (the class as its member `cls` or `label`).
 */
import { basename, dirname, join } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { readEncoded } from '../read';
import { byName, isImageName } from './files';
import { type TarEntry, tarEntries } from './tar';
import { firstExisting, readLines } from './text';

/**
 * Returns the names that a pattern like `train-{0000..0012}.tar` stands for, in order. A name without braces stands for itself.
 * @throws VggError `VGG_ARGUMENT` for a range that does not count upwards.
 */
export function expandBraces(pattern: string): string[] {
  const match = /^(.*?)\{(\d+)\.\.(\d+)\}(.*)$/.exec(pattern);
  if (!match) return [pattern];
  const [, before, from, to, after] = match as unknown as [string, string, string, string, string];
  const count = Number(to) - Number(from) + 1;
  if (!(count >= 1 && count <= 1_000_000)) {
    throw new VggError('argument', `the range of ${pattern} must count upwards, got ${from} to ${to}`);
  }
  return Array.from(
    { length: count },
    (_, i) => `${before}${String(Number(from) + i).padStart(from.length, '0')}`,
  ).flatMap((start) => expandBraces(after).map((end) => start + end));
}

interface Sample {
  readonly shard: number;
  readonly image: TarEntry;
  readonly label: string;
}

/**
 * Opens the samples of tar shards, in the order of the shards. Numeric labels are indices into `classes.txt` next to the shards
 * (one name in each line), or are the class names if that file is missing. Other labels are class names.
 * @throws VggError `VGG_DATASET` if a shard is missing or corrupt, a sample has no label, or a label is not a class.
 */
export async function openShards(shards: readonly string[], classes?: readonly string[]): Promise<ImageSource> {
  const samples: Sample[] = [];
  for (const [shard, path] of shards.entries()) samples.push(...(await readShard(path, shard)));
  const name = shards.length === 1 ? shards[0]! : `${shards[0]} … ${shards.at(-1)}`;
  if (samples.length === 0)
    throw new VggError('dataset', `${name} holds no images: expected files like 0001.jpg and 0001.cls`);
  const names = classes ?? (await classNames(shards[0]!, samples));
  const places = new Map(names.map((value, i) => [value, i]));
  const labels = Int32Array.from(samples, ({ label, image, shard }) => {
    const place = /^\d+$/.test(label) && !places.has(label) ? Number(label) : (places.get(label) ?? -1);
    if (place < 0 || place >= names.length) {
      throw new VggError(
        'dataset',
        `${shards[shard]}: ${image.path} has class ${label}, which is not one of the ${names.length} classes`,
      );
    }
    return place;
  });
  return {
    name,
    classes: names,
    length: samples.length,
    label: (index) => labels[index]!,
    key: (index) => samples[index]!.image.path,
    location: (index) => {
      const { shard, image } = samples[index]!;
      return { kind: 'range', path: shards[shard]!, offset: image.offset, length: image.length };
    },
  };
}

async function readShard(path: string, shard: number): Promise<Sample[]> {
  const groups = new Map<string, Map<string, TarEntry>>();
  for (const entry of await tarEntries(path)) {
    const file = basename(entry.path);
    if (file.startsWith('.')) continue;
    const dot = file.includes('.') ? file.indexOf('.') : file.length;
    const key = join(dirname(entry.path), file.slice(0, dot));
    const group = groups.get(key) ?? new Map<string, TarEntry>();
    groups.set(key, group.set(file.slice(dot + 1).toLowerCase(), entry));
  }
  const samples: Sample[] = [];
  for (const [key, group] of groups) {
    const image = [...group].find(([extension]) => isImageName(`x.${extension}`))?.[1];
    if (image) samples.push({ shard, image, label: readLabel(path, key, group) });
  }
  return samples;
}

function readLabel(path: string, key: string, group: ReadonlyMap<string, TarEntry>): string {
  const cls = group.get('cls');
  if (cls) return text(path, cls).trim();
  const json = group.get('json');
  if (json) {
    const label = jsonLabel(text(path, json));
    if (label !== undefined) return label;
  }
  throw new VggError(
    'dataset',
    `${path}: ${key} has no label: expected ${key}.cls, or ${key}.json with a member "cls"`,
  );
}

function text(path: string, { offset, length }: TarEntry): string {
  return readEncoded({ kind: 'range', path, offset, length }).toString('utf8');
}

function jsonLabel(source: string): string | undefined {
  try {
    const value = JSON.parse(source) as { cls?: unknown; label?: unknown } | null;
    const label = value?.cls ?? value?.label;
    return typeof label === 'string' || typeof label === 'number' ? String(label) : undefined;
  } catch {
    return undefined;
  }
}

async function classNames(shard: string, samples: readonly Sample[]): Promise<string[]> {
  const file = firstExisting(dirname(shard), ['classes.txt']);
  if (file) return readLines(file);
  const labels = [...new Set(samples.map(({ label }) => label))];
  if (!labels.every((label) => /^\d+$/.test(label))) return labels.sort(byName);
  const count = Math.max(...labels.map(Number)) + 1;
  if (count > 1_000_000)
    throw new VggError('dataset', `${shard} has a class numbered ${count - 1}: more than a million classes`);
  return Array.from({ length: count }, (_, i) => String(i));
}
