/** The images of a command, and the statistics of its training set. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { didYouMean, VggError } from '@vgg/core';
import {
  countsOf,
  type ImageSource,
  labelsOf,
  type SkippedImage,
  splitByClass,
  spread,
  type TrainTransform,
} from '@vgg/data';
import {
  type DataSet,
  fetchDataSet,
  isPublicDataSet,
  openSource,
  PUBLIC_DATA_SETS,
  type SourceStatistics,
  trainingStatistics,
} from '@vgg/data/node';
import type { Recipe } from '@vgg/recipes';
import type { Progress, Terminal } from '../terminal/terminal';

const MEGABYTE = 1e6;

export interface OpenedData extends DataSet {
  train: ImageSource;
  /** True if the validation images were split off from the training images. */
  isSplit: boolean;
}

/**
 * Returns the folder of images that `--data` names: a path, or a public data set, which is downloaded (or copied from
 * VGG_DATA_MIRROR) and kept. A folder that exists wins over a public name.
 * @throws VggError `VGG_IO` when the download fails, `VGG_DATASET` for a misspelt name of a public data set.
 */
export async function locateImages(given: string, terminal: Terminal): Promise<string> {
  if (existsSync(given)) return resolve(given);
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(given)) {
    throw new VggError(
      'dataset',
      `${given}: expected a folder, got an address: download the images, unpack them and name their folder`,
    );
  }
  const names = Object.keys(PUBLIC_DATA_SETS);
  if (!isPublicDataSet(given)) {
    const hint = /[\\/.]/.test(given) ? '' : didYouMean(given, names);
    if (hint === '') return resolve(given);
    throw new VggError('dataset', `no folder ${given}${hint}: public data sets are ${names.join(', ')}`);
  }
  const total = Math.ceil(PUBLIC_DATA_SETS[given].size / MEGABYTE);
  const mirror = process.env.VGG_DATA_MIRROR;
  let progress: Progress | undefined;
  try {
    const folder = await fetchDataSet(given, {
      onProgress: ({ received }) => {
        progress ??= terminal.progress(`downloading ${given}`, total, 'MB');
        progress.update(Math.floor(received / MEGABYTE));
      },
      onUnpack: () => {
        progress?.end();
        terminal.say(`unpacking ${given}`);
      },
      ...(mirror && { mirror }),
    });
    terminal.say(`${given} is kept in ${folder}`);
    return folder;
  } finally {
    progress?.end();
  }
}

/**
 * Opens the images of a new run. Without a validation part, a fraction of each class is split off, by the keys of the images; a
 * fraction of 0 keeps every image for training.
 * @throws VggError `VGG_DATASET` when there are no training images or fewer than two classes.
 */
export async function openTrainingData(
  path: string,
  { valFraction, trainImages, layout }: Pick<Recipe, 'valFraction' | 'trainImages' | 'layout'>,
): Promise<OpenedData> {
  const whole = await openSource(resolve(path), { layout });
  const isSplit = whole.train !== undefined && whole.validation === undefined && valFraction > 0;
  const data: DataSet = isSplit ? { ...whole, ...splitByClass(whole.train!, valFraction) } : whole;
  const { train } = data;
  if (train === undefined) throw new VggError('dataset', `${path} has no training images: expected train/ in it`);
  if (data.classes.length < 2) {
    throw new VggError(
      'dataset',
      `${path} has one class, ${data.classes[0]}: a classifier needs two or more; expected one folder of images for each class`,
    );
  }
  checkFilled(path, train);
  return { ...data, isSplit, train: trainImages === undefined ? train : spread(train, trainImages) };
}

/** Number of classes that a message names. */
const NAMED_CLASSES = 5;

/** @throws VggError `VGG_DATASET` if a class has no training images. */
function checkFilled(path: string, train: ImageSource): void {
  const { classes } = train;
  const counts = countsOf(labelsOf(train), classes.length);
  const empty = classes.filter((_, label) => counts[label] === 0);
  if (empty.length === 0) return;
  const more = empty.length > NAMED_CLASSES ? ', …' : '';
  throw new VggError(
    'dataset',
    `${path} has no training images of ${empty.length} of its ${classes.length} classes: ` +
      `${empty.slice(0, NAMED_CLASSES).join(', ')}${more}; add images of them, or take them out of the classes`,
  );
}

/** Computes the transform of training images: geometry from the recipe, mean and principal components from the images. */
export async function trainingTransform(
  recipe: Recipe,
  train: ImageSource,
  { workers, strict, terminal }: { workers: number; strict: boolean; terminal: Terminal },
): Promise<{ transform: TrainTransform; skipped: readonly Skipped[]; copies: SourceStatistics['copies'] }> {
  const progress = terminal.progress('mean and principal components', train.length, 'images');
  try {
    const statistics = await trainingStatistics(train, {
      workers,
      strict,
      onProgress: (images: number) => progress.update(images),
    });
    const { mean, eigenvalues: values, eigenvectors: vectors, skipped, copies } = statistics;
    const transform: TrainTransform = {
      crop: recipe.input,
      scale: recipe.scale,
      flip: recipe.flip,
      colour: recipe.colourShift ? { values, vectors, sigma: 0.1 } : null,
      mean,
      erasing: recipe.randomErasing || undefined,
      smallestArea: recipe.randomCrop || undefined,
      jitter: recipe.jitter || undefined,
      trivialAugment: recipe.trivialAugment || undefined,
    };
    return { transform, skipped, copies };
  } finally {
    progress.end();
  }
}

/** Image that was skipped, and the reason. */
export type Skipped = Pick<SkippedImage, 'key' | 'reason'>;

/** Number of skipped images that are named; all are counted. */
const NAMED = 5;

/**
 * Warns once about each image that was skipped.
 * @param known images that were reported before.
 */
export function skippedNotice(
  terminal: Terminal,
  known: readonly Skipped[] = [],
): { update(skipped: readonly Skipped[]): void; all(): readonly Skipped[] } {
  const seen = new Map(known.map((one) => [one.key, one]));
  let named = 0;
  return {
    update(skipped) {
      for (const one of skipped) {
        if (seen.has(one.key)) continue;
        seen.set(one.key, one);
        named += 1;
        if (named <= NAMED) terminal.warn(`skipped ${one.reason}`);
      }
    },
    all() {
      const more = named - NAMED;
      if (more > 0) terminal.warn(`skipped ${more} more ${more === 1 ? 'image' : 'images'}`);
      return [...seen.values()];
    },
  };
}

/** Warns about skipped images: names the first few and counts all. */
export function reportSkipped(skipped: readonly Skipped[], terminal: Terminal): void {
  const notice = skippedNotice(terminal);
  notice.update(skipped);
  notice.all();
}
