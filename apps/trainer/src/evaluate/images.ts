/** The images of an evaluation: split as in the training of the nets, with a word about images that a net was trained on. */
import { resolve } from 'node:path';
import { isVggError, VggError } from '@vgg/core';
import { concatenate, type ImageSource, spread } from '@vgg/data';
import { countSampled, type DataSet, imageId, openSource } from '@vgg/data/node';
import { locateImages } from '../images/data-set';
import { describeData } from '../images/describe';
import { findNet } from '../nets/reference';
import { type LoadedRun, readRecord } from '../run/folder';
import { compareData, openOwnImages, readImages, splitAs } from '../run/images';
import type { Terminal } from '../terminal/terminal';
import type { EvaluationRequest, Split } from './evaluate';
import type { Evaluated } from './nets';

/** A run in whose training images took part. */
export type Trained = Pick<LoadedRun, 'path' | 'record'>;

/** Images to evaluate. */
export interface EvaluatedImages {
  /** Name of the images in results: `validation`, `train`, `all`, or a folder. */
  readonly of: string;
  /** Path of the data set. */
  readonly data: string;
  /** Part of the data set: `validation`, `train`, `test` or `all`. */
  readonly part: string;
  readonly source: ImageSource;
}

/** Data set on the disk, before a split. */
interface Found {
  readonly path: string;
  readonly whole: DataSet;
}

/** Name of a part of a data set in results. */
const PART_NAMES = { val: 'validation', train: 'train', test: 'test', all: 'all' } as const;

/** Returns a part of a data set. Without a validation part, the test part is used in its place, or else all images. */
function partOf(
  { train, validation, test }: DataSet,
  split: Split,
  path: string,
): { part: Split; images: ImageSource } {
  if (split === 'all' && train !== undefined && validation !== undefined) {
    return { part: 'all', images: concatenate(train, validation) };
  }
  const images = { val: validation, all: validation ?? train, train, test }[split];
  if (images !== undefined) return { part: split, images };
  if (split === 'val' || split === 'all') {
    if (test !== undefined) return { part: 'test', images: test };
    if (train !== undefined) return { part: 'train', images: train };
  }
  const missing = split === 'test' ? 'test' : 'training';
  throw new VggError('dataset', `${path} has no ${missing} images: evaluate it with --split val`);
}

/** Returns the data set split as in the training of a run, if it is that of the run; undefined for another one. */
async function ownSplit({ path, whole }: Found, { path: run, record }: Trained, terminal?: Terminal) {
  const images = await readImages(run);
  const inPlace = path === resolve(record.recipe.data);
  const sameness = inPlace ? 'same' : compareData(whole, path, record, images);
  if (sameness === 'other') return undefined;
  if (!inPlace) {
    const reason = sameness === 'same' ? 'by their content' : 'by classes and numbers of images';
    terminal?.say(`${path} holds the images of ${run} (recognised ${reason}): they are split as in its training`);
  }
  return splitAs(whole, path, record, images);
}

/** Returns the runs whose weights a run started with, and theirs, as far as they still exist. */
async function ancestors({ record }: Trained): Promise<Trained[]> {
  const from = record.recipe.weights ?? record.recipe.preInit;
  try {
    const reference = from === undefined ? undefined : findNet(from);
    if (reference?.kind !== 'run') return [];
    const before = { path: reference.folder, record: await readRecord(reference.folder) };
    return [before, ...(await ancestors(before))];
  } catch (error) {
    if (isVggError(error)) return [];
    throw error;
  }
}

/** Says how many of the images the net of a run was trained on, if any. */
async function trainedOn(source: ImageSource, found: Found, run: Trained): Promise<string | undefined> {
  const own = await ownSplit(found, run);
  if (own?.train !== undefined) {
    const { train } = own;
    const ids = new Set(Array.from({ length: train.length }, (_, i) => imageId(found.path, train.location(i))));
    const count = Array.from(
      { length: source.length },
      (_, i) => ids.has(imageId(found.path, source.location(i))) as boolean,
    ).filter(Boolean).length;
    return count === 0 ? undefined : `${count} of these ${source.length} images`;
  }
  const images = (await readImages(run.path)) ?? undefined;
  if (images === undefined) return undefined;
  const count = countSampled(source, images.sample);
  if (count === 0) return undefined;
  const estimate = Math.min(source.length, Math.round((count * run.record.images.train) / images.sample.length));
  return `about ${estimate} of these ${source.length} images`;
}

/** Warns about images that the nets, or the nets that these started from, were trained on. */
async function warnOfTrainedImages(
  source: ImageSource,
  found: Found,
  runs: readonly Trained[],
  terminal: Terminal,
): Promise<void> {
  const seen = new Set<string>();
  for (const run of runs) {
    for (const one of [run, ...(await ancestors(run))]) {
      if (seen.has(one.path)) continue;
      seen.add(one.path);
      const share = await trainedOn(source, found, one);
      if (share === undefined) continue;
      const who = one === run ? one.path : `${one.path}, from which ${run.path} started,`;
      terminal.warn(`${who} was trained on ${share}: the errors are not those of new images`);
    }
  }
}

/**
 * Opens the images of a request. Images of the first run are split as in its training, wherever they lie now; any other data set
 * is used as it is.
 * @throws VggError `VGG_ARGUMENT` for a weight file without `data`; `VGG_DATASET` if there are no such images.
 */
export async function openImages(
  { trained }: Evaluated,
  request: EvaluationRequest,
  terminal: Terminal,
): Promise<EvaluatedImages> {
  const { data, split, limit } = request;
  const [first] = trained;
  if (data === undefined && first === undefined) {
    throw new VggError('argument', 'a weight file has no images of its own: add --data DIR');
  }
  const located = data === undefined ? undefined : await locateImages(data, terminal);
  const inPlace = located === undefined || located === first?.record.recipe.data;
  const layout = request.layout ?? (inPlace ? first?.record.recipe.layout : undefined);
  const found: Found = inPlace
    ? await openOwnImages(first!.path, first!.record)
    : { path: located, whole: await openSource(located, { layout, allowEmptyClasses: true }) };
  if (!inPlace) describeData(found.whole, terminal);
  const own = first && (await ownSplit(found, first, terminal));
  const set = own ?? found.whole;
  const { part, images } = partOf(set, split, found.path);
  if (part !== split && (part === 'test' || set.test !== undefined)) {
    terminal.say(`${found.path} has no validation part: its ${PART_NAMES[part]} part is evaluated`);
  }
  const source = limit === undefined ? images : spread(images, limit);
  await warnOfTrainedImages(source, found, trained, terminal);
  return { of: own === undefined ? found.path : PART_NAMES[part], data: found.path, part: PART_NAMES[part], source };
}
