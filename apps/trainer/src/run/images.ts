/**
 * The images of a run: `images.json` in its folder holds the validation images and a sample of the training images
 * (docs/decisions/0135). With it a run finds its images again elsewhere, and others find out whether a net was trained on theirs.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { writeFileAtomically } from '@vgg/core/node';
import { type ImageSource, splitByClass, spread, subset } from '@vgg/data';
import { type DataSet, holdsSample, imageId, openSource, type SampledImage, sampleImages } from '@vgg/data/node';
import type { RunRecord } from './folder';

/** Name of the record of a run's images in its folder. */
export const IMAGES = 'images.json';
const FORMAT = 'vgg-run-images';

/** Contents of `images.json`. */
export interface RunImages {
  readonly format: typeof FORMAT;
  readonly version: 1;
  /** Ids of the validation images that were split off; null for a data set with a validation part, or without validation. */
  readonly validation: readonly string[] | null;
  readonly sample: readonly SampledImage[];
}

function idsOf(data: string, source: ImageSource): string[] {
  return Array.from({ length: source.length }, (_, i) => imageId(data, source.location(i)));
}

/** Returns a hash of the names and classes of images in their order, by which processes find out that they have the same. */
export function hashOfNames(sources: readonly (ImageSource | undefined)[]): string {
  const hash = createHash('sha256');
  for (const source of sources) {
    for (let i = 0; i < (source?.length ?? 0); i++) hash.update(`${source!.key(i)}\n${source!.label(i)}\n`);
  }
  return hash.digest('hex').slice(0, 16);
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
    sample: sampleImages(data, train),
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
  if (images !== undefined) return holdsSample(set, data, images.sample) ? 'same' : 'other';
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
  if (moved === undefined && !/\.tar$/i.test(path) && statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw new VggError(
      'dataset',
      `cannot read the data folder ${path} of ${run}: there is no such folder; if its images have moved, add --data DIR`,
    );
  }
  const whole = await openSource(path, { layout: record.recipe.layout });
  return { path, whole, images, set: splitAs(whole, path, record, images) };
}
