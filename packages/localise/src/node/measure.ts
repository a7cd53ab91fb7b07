/** Measurement of a localisation net on a data set: rows of a table like the paper's Tables 8 and 9. */
import { isVggError, type VggError } from '@vgg/core';
import type { CropSize, ImageLocation, RawImage, SkippedImage } from '@vgg/data';
import { decodeImage } from '@vgg/data/node';
import { type Protocol, scalesFor, type TrainingScale } from '@vgg/eval';
import { BoxErrors, type BoxEvaluation } from '../evaluate';
import type { LocalisationPlan } from '../predictions';
import type { BoxSource } from '../source';
import { withClasses } from './classes';

/** Row of the table. */
export interface BoxRow extends BoxEvaluation {
  readonly protocol: Protocol;
  readonly scales: readonly number[];
}

/** Options of {@link measureBoxes}. */
export interface MeasureBoxesOptions extends Pick<LocalisationPlan, 'classifier' | 'localisers'> {
  readonly source: BoxSource;
  /** Training scale S of the nets, from which the test scales follow, and the size of their input. */
  readonly scale: TrainingScale;
  readonly input: CropSize;
  /** Largest number of images, taken evenly. Default all. */
  readonly limit?: number | undefined;
  /** True to fail at the first image that cannot be decoded. Default false. */
  readonly strict?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each image with the number of images so far. */
  readonly onProgress?: ((images: number, total: number) => void) | undefined;
}

/** Returns an image, or the error of one that cannot be decoded. */
async function decoded(location: ImageLocation, name: string): Promise<RawImage | VggError> {
  try {
    return await decodeImage(location, { name });
  } catch (error) {
    if (isVggError(error) && error.code === 'VGG_IMAGE') return error;
    throw error;
  }
}

/** Result of {@link measureBoxes}. */
export interface BoxMeasurement {
  readonly rows: readonly BoxRow[];
  /** Images that cannot be decoded, which are left out. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Measures nets by the centre crop (Table 8), densely and by crops at the Q of the training scale, and by crops at the paper's
 * several Q (Table 9). Classes of the images are matched with those of the classifier by name.
 * @throws VggError as `evaluateBoxes`; `VGG_DATASET` for a class that the classifier does not have; `VGG_IMAGE` for an image that
 *   cannot be decoded with `strict`; the reason of `signal` when it is aborted.
 */
export async function measureBoxes(options: MeasureBoxesOptions): Promise<BoxMeasurement> {
  const { scale, input, classifier, localisers, strict = false, signal, onProgress } = options;
  const source = withClasses(options.source, classifier.classes);
  const count = Math.min(options.limit ?? source.length, source.length);
  const single = scalesFor(scale, 'single', input);
  const plans: readonly Pick<BoxRow, 'protocol' | 'scales'>[] = [
    { protocol: 'single', scales: single },
    { protocol: 'dense', scales: single },
    { protocol: 'multi-crop', scales: single },
    { protocol: 'multi-crop', scales: scalesFor(scale, 'multi', input) },
  ];
  const errors = plans.map((plan) => new BoxErrors({ ...plan, classifier, localisers }));
  const skipped: SkippedImage[] = [];
  for (let i = 0; i < count; i++) {
    signal?.throwIfAborted();
    const index = Math.floor((i * source.length) / count);
    const { key, location, ...truth } = source.image(index);
    const image = await decoded(location, key);
    if (!isVggError(image)) {
      for (const one of errors) {
        signal?.throwIfAborted();
        await one.add(image, truth);
      }
    } else if (strict) throw image;
    else skipped.push({ index, key, reason: image.message });
    onProgress?.(i + 1, count);
  }
  return { rows: plans.map((plan, i) => ({ ...plan, ...errors[i]!.result() })), skipped };
}

/** Returns the row with the lowest localisation error, of equal ones that with the highest mean IoU. */
export function bestRow(rows: readonly BoxRow[]): BoxRow {
  return rows.reduce((best, row) => {
    const difference = row.top5Error - best.top5Error || best.meanOverlap - row.meanOverlap;
    return difference < 0 ? row : best;
  });
}

/** Header of the cells of {@link rowCells}. */
export const ROW_HEADER = ['windows', 'Q', 'true class error %', 'top-5 error %', 'top-1 error %', 'mean IoU'] as const;

/** Returns a row as the cells of a table. */
export function rowCells({ protocol, scales, trueClassError, top5Error, top1Error, meanOverlap }: BoxRow): string[] {
  const errors = [trueClassError, top5Error, top1Error].map((error) => error.toFixed(1));
  return [protocol, scales.join(', '), ...errors, meanOverlap.toFixed(3)];
}
