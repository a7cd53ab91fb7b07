/**
 * The images of a run: `images.json` in its folder holds the validation images and a sample of the training images
 * (docs/decisions/0135). With it a run finds its images again elsewhere, and others find out whether a net was trained on theirs.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { writeFileAtomically } from '@vgg/core/node';
import { type ImageLocation, type ImageSource, splitByClass, spread, subset } from '@vgg/data';
import { type DataSet, openSource } from '@vgg/data/node';
import type { RunRecord } from './folder';

/** Name of the record of a run's images in its folder. */
export const IMAGES = 'images.json';
const FORMAT = 'vgg-run-images';

/** Number of training images whose content is recorded. */
const SAMPLE = 64;

/** Image by its place in the data folder and its content. */
interface SampledImage {
  readonly id: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Contents of `images.json`. */
export interface RunImages {
  readonly format: typeof FORMAT;
  readonly version: 1;
  /** Ids of the validation images that were split off; null for a data set with a validation part, or without validation. */
  readonly validation: readonly string[] | null;
  readonly sample: readonly SampledImage[];
}

/** Returns the name of an image that does not depend on where the data folder lies: its path in the folder, and its offset. */
export function imageId(data: string, location: ImageLocation): string {
  if (location.kind === 'pixels' || location.kind === 'bytes')
    throw new VggError('dataset', 'images in memory have no path');
  const folder = data.endsWith('.tar') ? dirname(data) : data;
  const path = relative(folder, location.path).replaceAll('\\', '/');
  return location.kind === 'file' ? path : `${path}#${location.offset}`;
}

/** Returns the number of bytes of a stored image; undefined if its file is missing. */
function bytesOf(location: ImageLocation): number | undefined {
  if (location.kind === 'pixels' || location.kind === 'bytes') return undefined;
  const file = statSync(location.path, { throwIfNoEntry: false });
  if (file === undefined || location.kind === 'file') return file?.size;
  return location.kind === 'range' ? location.length : 3 * location.width * location.height;
}

/** Returns the SHA-256 of the bytes of a stored image, in hexadecimal. */
function contentOf(location: ImageLocation): string {
  const hash = createHash('sha256');
  if (location.kind === 'pixels' || location.kind === 'bytes') return hash.update(location.data).digest('hex');
  if (location.kind === 'file') return hash.update(readFileSync(location.path)).digest('hex');
  const bytes = Buffer.alloc(bytesOf(location) ?? 0);
  const file = openSync(location.path, 'r');
  try {
    readSync(file, bytes, 0, bytes.length, location.offset);
  } finally {
    closeSync(file);
  }
  return hash.update(bytes).digest('hex');
}

function idsOf(data: string, source: ImageSource): string[] {
  return Array.from({ length: source.length }, (_, i) => imageId(data, source.location(i)));
}

function sampleOf(data: string, train: ImageSource): SampledImage[] {
  const source = spread(train, SAMPLE);
  return Array.from({ length: source.length }, (_, i) => source.location(i)).flatMap((location) => {
    try {
      const bytes = bytesOf(location);
      return bytes === undefined ? [] : [{ id: imageId(data, location), bytes, sha256: contentOf(location) }];
    } catch {
      return []; // An image that cannot be read is skipped in training, too.
    }
  });
}

/** Writes `images.json`. `isSplit` is true if the validation images were split off from the training images. */
export async function saveImages(
  run: string,
  data: string,
  { train, validation, isSplit }: { train: ImageSource; validation?: ImageSource | undefined; isSplit: boolean },
): Promise<void> {
  const images: RunImages = {
    format: FORMAT,
    version: 1,
    validation: isSplit && validation !== undefined ? idsOf(data, validation) : null,
    sample: sampleOf(data, train),
  };
  await writeFileAtomically(join(run, IMAGES), [Buffer.from(`${JSON.stringify(images)}\n`)]);
}

/** Reads the record of a run's images; undefined for a run that was made before there was one. */
export async function readImages(run: string): Promise<RunImages | undefined> {
  let text: string;
  try {
    text = await readFile(join(run, IMAGES), 'utf8');
  } catch {
    return undefined;
  }
  try {
    const images = JSON.parse(text) as RunImages;
    if (images.format === FORMAT && images.version === 1 && Array.isArray(images.sample)) return images;
  } catch {}
  throw new VggError('run', `${join(run, IMAGES)} is damaged: restore it, or remove it to use the split by --seed`);
}

/** Splits a data set as a run did: by its list of validation images, or, for an older run, by its random seed. */
export function splitAs(
  set: DataSet,
  data: string,
  { recipe }: Pick<RunRecord, 'recipe'>,
  images: RunImages | undefined,
): DataSet {
  const { train, validation } = set;
  if (train === undefined) return set;
  const limit = (source: ImageSource) =>
    recipe.trainImages === undefined ? source : spread(source, recipe.trainImages);
  if (images?.validation) {
    const isValidation = new Set(images.validation);
    const ids = idsOf(data, train);
    const part = (wanted: boolean) =>
      subset(
        train,
        Uint32Array.from(ids.keys()).filter((i) => isValidation.has(ids[i]!) === wanted),
      );
    return { ...set, train: limit(part(false)), validation: part(true) };
  }
  if (images === undefined && validation === undefined && recipe.valFraction > 0) {
    const parts = splitByClass(train, recipe.valFraction, recipe.seed);
    return { ...set, train: limit(parts.train), validation: parts.validation };
  }
  return { ...set, train: limit(train) };
}

/** Result of comparing a data set with that of a run. */
export type Sameness = 'same' | 'other' | 'probably';

/** Returns true if a folder holds the sampled images of a run, with the same content. */
function holdsSample(set: DataSet, data: string, { sample }: RunImages): boolean {
  if (sample.length === 0) return false;
  const wanted = new Set(sample.map(({ id }) => id));
  const found = new Map<string, ImageLocation>();
  for (const source of [set.train, set.validation]) {
    for (let i = 0; i < (source?.length ?? 0); i++) {
      const location = source!.location(i);
      const id = imageId(data, location);
      if (wanted.has(id)) found.set(id, location);
    }
  }
  const same = sample.filter(({ id, bytes, sha256 }) => {
    const location = found.get(id);
    return location !== undefined && bytesOf(location) === bytes && contentOf(location) === sha256;
  });
  return same.length >= 0.9 * sample.length;
}

/**
 * Compares a data set, as it is before a split, with that of a run: by the content of the run's sample; for an older run, which
 * has none, by classes and numbers of images.
 */
export function compareData(
  set: DataSet,
  data: string,
  record: Pick<RunRecord, 'recipe' | 'classes' | 'images'>,
  images: RunImages | undefined,
): Sameness {
  if (set.classes.join('\n') !== record.classes.join('\n')) return 'other';
  if (images !== undefined) return holdsSample(set, data, images) ? 'same' : 'other';
  try {
    const { train, validation } = splitAs(set, data, record, images);
    const isSame = train?.length === record.images.train && (validation?.length ?? 0) === record.images.validation;
    return isSame ? 'probably' : 'other';
  } catch {
    return 'other';
  }
}

/** Images of a run where they are now. */
export interface OwnImages {
  readonly path: string;
  /** The data set as it is on the disk. */
  readonly whole: DataSet;
  /** The data set split as in the training of the run. */
  readonly set: DataSet;
  readonly images: RunImages | undefined;
}

/**
 * Opens the images of a run, split as in its training.
 * @throws VggError of `openSource`; if the run's own folder is missing, it names the option for images that have moved.
 */
export async function openOwnImages(run: string, record: RunRecord, moved?: string | undefined): Promise<OwnImages> {
  const path = resolve(moved ?? record.recipe.data);
  const images = await readImages(run);
  if (moved === undefined && !path.endsWith('.tar') && statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw new VggError(
      'dataset',
      `cannot read the data folder ${path} of ${run}: there is no such folder; if its images have moved, add --data DIR`,
    );
  }
  const whole = await openSource(path, { layout: record.recipe.layout });
  return { path, whole, images, set: splitAs(whole, path, record, images) };
}

/** Returns the number of images of a source that are in a run's sample, found by their content. */
export function countSampled(source: ImageSource, { sample }: RunImages): number {
  const bySize = new Map<number, Set<string>>();
  for (const { bytes, sha256 } of sample) bySize.set(bytes, (bySize.get(bytes) ?? new Set()).add(sha256));
  const found = new Set<string>();
  for (let i = 0; i < source.length; i++) {
    const location = source.location(i);
    const hashes = bySize.get(bytesOf(location) ?? -1);
    if (hashes === undefined) continue;
    const hash = contentOf(location);
    if (hashes.has(hash)) found.add(hash);
  }
  return found.size;
}
