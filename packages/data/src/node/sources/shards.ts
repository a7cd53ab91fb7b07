/**
 * Opens tar shards in WebDataset's naming. The files of a sample have the same name up to the first dot: `0001.jpg` with
 * `0001.cls` (the class as decimal number or as name), or with `0001.json` (the class as its member `cls` or `label`).
 */
import { basename, dirname, posix } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { readableName } from '../byte-names';
import { statsOf } from '../file-stats';
import { readEncoded } from '../read';
import { ClassPlaces } from './class-places';
import { byName, IMAGE_EXTENSIONS, isImageName, isSystemName } from './files';
import { type TarEntry, tarEntries } from './tar';
import { firstExisting, readLines } from './text';
import { Account } from './unused';

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

/** A file of a sample. */
interface Member {
  /** Name after the first dot, in lower case: `jpg`, `depth.png`. */
  readonly extension: string;
  readonly entry: TarEntry;
}

/** Samples of all shards, in columns: a million of them need few objects. */
interface Samples {
  readonly paths: string[];
  readonly shards: number[];
  readonly offsets: number[];
  readonly lengths: number[];
  readonly labels: string[];
}

/**
 * Opens the samples of tar shards, in the order of the shards. Numeric labels are indices into `classes.txt` next to the shards
 * (one name in each line), or are the class names, in the order of the numbers, if that file is missing. Other labels are class
 * names.
 *
 * The image of a sample is its member whose extension is the first of `IMAGE_EXTENSIONS`, such as `0001.jpg`. Only
 * if there is none, a member such as `0001.image.jpg` may be the image. Other members are not used.
 * @throws VggError `VGG_DATASET` if a shard is missing or corrupt, a sample has no label or several possible images, or a label
 *   is not a class.
 */
export async function openShards(
  shards: readonly string[],
  classes?: readonly string[],
  account = new Account(),
): Promise<ImageSource> {
  const samples: Samples = { paths: [], shards: [], offsets: [], lengths: [], labels: [] };
  for (const [shard, path] of shards.entries()) await readShard(path, shard, samples, account);
  const { paths, offsets, lengths } = samples;
  const name = shards.length === 1 ? shards[0]! : `${shards[0]} … ${shards.at(-1)}`;
  if (paths.length === 0) throw noImages(name);
  const names = classes ?? (await classNames(shards[0]!, samples.labels));
  const labels = placesOf(names, samples, shards, account);
  const shardOf = Uint32Array.from(samples.shards);
  return {
    name,
    classes: names,
    length: paths.length,
    label: (index) => labels[index]!,
    key: (index) => readableName(paths[index]!),
    location: (index) => ({
      kind: 'range',
      path: shards[shardOf[index]!]!,
      offset: offsets[index]!,
      length: lengths[index]!,
    }),
  };
}

/** Number of files of a shard that are looked at to recognise it. */
const SAMPLED = 1000;

/** Returns true if an archive has samples: an image and a label of the same name. */
export async function hasSamples(path: string): Promise<boolean> {
  try {
    const groups = groupsOf(await tarEntries(path, SAMPLED), () => {});
    return [...groups.values()].some(
      (members) =>
        members.some((member) => holdsLabel(path, member)) &&
        members.some(({ extension }) => isImageName(`x.${extension}`)),
    );
  } catch {
    return false;
  }
}

/** True for a member that holds the class of its sample: a JSON file may be a mere description of an image. */
function holdsLabel(path: string, { extension, entry }: Member): boolean {
  return extension === 'cls' || (extension === 'json' && jsonLabel(text(path, entry)) !== undefined);
}

/** Groups the files of a shard by sample. @param hidden called for each file that a system left. */
function groupsOf(entries: readonly TarEntry[], hidden: (entry: TarEntry) => void): Map<string, Member[]> {
  const groups = new Map<string, Member[]>();
  for (const entry of entries) {
    if (entry.path.split('/').some(isSystemName)) {
      hidden(entry);
      continue;
    }
    const file = posix.basename(entry.path);
    const dot = file.includes('.') ? file.indexOf('.') : file.length;
    const key = posix.join(posix.dirname(entry.path), file.slice(0, dot));
    const member: Member = { extension: file.slice(dot + 1).toLowerCase(), entry };
    const group = groups.get(key);
    if (group) group.push(member);
    else groups.set(key, [member]);
  }
  return groups;
}

function noImages(name: string, reason = ''): VggError {
  return new VggError(
    'dataset',
    `${readableName(name)} holds no images: expected files like 0001.jpg and 0001.cls${reason}`,
  );
}

async function readShard(path: string, shard: number, samples: Samples, account: Account): Promise<void> {
  if (statsOf(path)?.size === 0) throw noImages(path, ', got an empty file: is it complete?');
  const inside = `${basename(path)}/`;
  const groups = groupsOf(await tarEntries(path), (entry) => account.add('system', inside + entry.path));
  for (const [key, members] of groups) {
    const image = imageOf(path, key, members);
    if (image === undefined) {
      const kind = members.some(isLabel) ? 'no image' : 'member';
      for (const { entry } of members) account.add(kind, inside + entry.path);
      continue;
    }
    samples.labels.push(readLabel(path, key, members));
    samples.paths.push(image.path);
    samples.shards.push(shard);
    samples.offsets.push(image.offset);
    samples.lengths.push(image.length);
    for (const member of members) {
      if (member.entry !== image && !isLabel(member)) account.add('member', inside + member.entry.path);
    }
  }
}

function isLabel({ extension }: Member): boolean {
  return extension === 'cls' || extension === 'json';
}

/** Names before the extension that an image may have if no member has an image's extension alone: `0001.image.jpg`. */
const IMAGE_NAMES: readonly string[] = ['image', 'img', 'input', 'rgb'];

/** Returns the image of a sample: see {@link openShards}. */
function imageOf(path: string, key: string, members: readonly Member[]): TarEntry | undefined {
  for (const extension of IMAGE_EXTENSIONS) {
    const member = members.filter((candidate) => `.${candidate.extension}` === extension).at(-1);
    if (member) return member.entry;
  }
  const images = members.filter(({ extension }) => isImageName(`x.${extension}`));
  if (images.length <= 1) return images[0]?.entry;
  for (const name of IMAGE_NAMES) {
    const named = images.filter(({ extension }) => extension.startsWith(`${name}.`));
    if (named.length === 1) return named[0]!.entry;
  }
  throw new VggError(
    'dataset',
    `${readableName(path)}: the sample ${readableName(key)} has the images ` +
      `${images.map(({ extension }) => `.${extension}`).join(', ')}: name the one to use ${basename(key)}.jpg or ` +
      `${basename(key)}.png`,
  );
}

function readLabel(path: string, key: string, members: readonly Member[]): string {
  const member = (extension: string) => members.filter((candidate) => candidate.extension === extension).at(-1)?.entry;
  const cls = member('cls');
  if (cls) return text(path, cls).trim();
  const json = member('json');
  if (json) {
    const label = jsonLabel(text(path, json));
    if (label !== undefined) return label;
  }
  const inFolder = key.includes('/') ? '; an archive of class folders must be unpacked' : '';
  throw new VggError(
    'dataset',
    `${readableName(path)}: ${readableName(key)} has no label: expected ${basename(key)}.cls, or ${basename(key)}.json with a ` +
      `member "cls"${inFolder}`,
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

const NUMBER = /^\d+$/;

async function classNames(shard: string, samples: readonly string[]): Promise<string[]> {
  const file = firstExisting(dirname(shard), ['classes.txt']);
  if (file) return readLines(file);
  const labels = [...new Set(samples.map((label) => label.normalize()))];
  if (!labels.every((label) => NUMBER.test(label))) return labels.sort(byName);
  const numbers = [...new Set(labels.map(Number))].sort((a, b) => a - b);
  const largest = numbers.at(-1)!;
  if (largest >= 1_000_000)
    throw new VggError('dataset', `${shard} has a class numbered ${largest}: more than a million classes`);
  return numbers.map(String);
}

/** Returns the class of each sample. A number is the name of a class, or else its index among classes that have other names. */
function placesOf(
  names: readonly string[],
  { labels, shards: shardOf, paths }: Samples,
  shards: readonly string[],
  account: Account,
): Int32Array {
  const places = new ClassPlaces(names);
  const areNumbers = names.every((name) => NUMBER.test(name));
  const found = Int32Array.from(labels, (label, i) => {
    const number = NUMBER.test(label) ? Number(label) : -1;
    const place = places.of(label) ?? (areNumbers ? places.of(String(number)) : number) ?? -1;
    if (place < 0 || place >= names.length) {
      throw new VggError(
        'dataset',
        `${readableName(shards[shardOf[i]!]!)}: ${readableName(paths[i]!)} has class ${label}, which is not one of the ` +
          `${names.length} classes`,
      );
    }
    return place;
  });
  const note = places.noteFor(shards[0]!);
  if (note !== undefined) account.notes.push(note);
  return found;
}
