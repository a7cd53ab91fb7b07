/** Measurement of a localisation net on a data set: rows of a table like the paper's Tables 8 and 9. */
import { isVggError } from '@vgg/core';
import { decodeImage } from '@vgg/data/node';
import { type Protocol, scalesFor, type TrainingScale } from '@vgg/eval';
import { type BoxEvaluation, evaluateBoxes, type TrueImage } from '../evaluate';
import type { LocalisationPlan } from '../predictions';
import type { BoxSource } from '../source';

/** Row of the table. */
export interface BoxRow extends BoxEvaluation {
  readonly protocol: Protocol;
  readonly scales: readonly number[];
}

/** Options of {@link measureBoxes}. */
export interface MeasureBoxesOptions extends Pick<LocalisationPlan, 'classifier' | 'localisers'> {
  readonly source: BoxSource;
  /** Training scale S of the nets, from which the test scales follow, and the side of their input. */
  readonly scale: TrainingScale;
  readonly input: number;
  /** Largest number of images, taken evenly. Default all. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each image with the number of images so far, over all rows. */
  readonly onProgress?: ((images: number, total: number) => void) | undefined;
}

/** Yields the images that can be decoded. */
async function* decoded(source: BoxSource, count: number): AsyncGenerator<TrueImage> {
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i * source.length) / count);
    const { key, location, size, label, boxes } = source.image(index);
    try {
      const image = await decodeImage(location, { name: key });
      yield { size, label, boxes, load: async () => image };
    } catch (error) {
      if (!isVggError(error) || error.code !== 'VGG_IMAGE') throw error;
    }
  }
}

/**
 * Measures nets by the centre crop (Table 8), densely and by crops at the Q of the training scale, and by crops at the paper's
 * several Q (Table 9). Images that cannot be decoded are left out.
 * @throws VggError as `evaluateBoxes`; the reason of `signal` when it is aborted.
 */
export async function measureBoxes(options: MeasureBoxesOptions): Promise<BoxRow[]> {
  const { source, scale, input, classifier, localisers, signal, onProgress } = options;
  const count = Math.min(options.limit ?? source.length, source.length);
  const single = scalesFor(scale, 'single', input);
  const plans: readonly Pick<BoxRow, 'protocol' | 'scales'>[] = [
    { protocol: 'single', scales: single },
    { protocol: 'dense', scales: single },
    { protocol: 'multi-crop', scales: single },
    { protocol: 'multi-crop', scales: scalesFor(scale, 'multi', input) },
  ];
  const rows: BoxRow[] = [];
  for (const plan of plans) {
    const images = decoded(source, count);
    const done = rows.length * count;
    const progress = (more: number) => onProgress?.(done + more, plans.length * count);
    rows.push({
      ...plan,
      ...(await evaluateBoxes({ ...plan, classifier, localisers, images, signal, onProgress: progress })),
    });
  }
  return rows;
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
