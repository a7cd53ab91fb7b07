/** The whole of Appendix B for a data set: descriptors, accuracy over splits or on the test part, and a predictor. */
import { requireInteger } from '@vgg/core';
import { concatenate, type ImageSource } from '@vgg/data';
import type { DataSet } from '@vgg/data/node';
import { fitClassifier, foldsOf } from '../cross-validation';
import { type DescribedImages, type DescribingNet, scalesOf } from '../describe';
import { selectRows } from '../descriptors';
import type { Predictor } from '../predictor';
import { randomSplit, rowsByClass, type Split } from '../splits';
import { evaluateSplits, type Study, type StudyOptions } from '../study';
import { type CachedDescribeOptions, describeWithCache, sourceItems } from './describe-source';
import { netHash } from './net-hash';

/** Options of {@link transfer}. */
export interface TransferOptions
  extends Omit<CachedDescribeOptions, 'hash' | 'onProgress'>,
    Omit<StudyOptions, 'onFit' | 'signal'> {
  /** Name of the net in the predictor. */
  readonly name: string;
  /** Training images of each class in a random split. Default 15. */
  readonly perClass?: number | undefined;
  /** Largest number of test images of each class in a random split. Default 50. */
  readonly testPerClass?: number | undefined;
  /** Number of random splits. Default 3, as in the paper. A data set with a test or validation part is split by it. */
  readonly splits?: number | undefined;
  /** True to fit a predictor. Default false. */
  readonly withPredictor?: boolean | undefined;
  /** Called as images are described. */
  readonly onDescribe?: ((images: number, of: number) => void) | undefined;
  /** Called as classifiers are fitted. */
  readonly onFit?: ((fits: number, of: number) => void) | undefined;
}

/** Results of {@link transfer}. */
export interface TransferResult extends Omit<DescribedImages, 'descriptors' | 'items'> {
  readonly classes: readonly string[];
  /** Number of described images. */
  readonly images: number;
  /** Numbers of a descriptor. */
  readonly width: number;
  /** Number of classes with too few images for `perClass`; 0 for a data set with a test part. */
  readonly smallClasses: number;
  readonly study: Study;
  /** Undefined without `withPredictor`. */
  readonly predictor: Predictor | undefined;
  /** Seconds of the descriptors, and of the classifiers. */
  readonly seconds: { readonly descriptors: number; readonly classifiers: number };
}

/** Returns all labelled images, and the number of those for training; undefined for images that splits divide. */
function labelled({ train, validation, test }: DataSet): { source: ImageSource; trained: number | undefined } {
  const other = test ?? validation;
  if (train === undefined) return { source: other!, trained: undefined };
  if (other === undefined) return { source: train, trained: undefined };
  return { source: concatenate(train, other), trained: train.length };
}

/** Images with labels, and the training and test images among them. */
interface Divided {
  readonly labels: readonly number[];
  readonly splits: readonly Split[];
}

/**
 * Divides images of a data set by its parts, or at random.
 * @throws VggError as `randomSplit` and `foldsOf`.
 */
function divide(
  { source, trained }: ReturnType<typeof labelled>,
  items: Uint32Array,
  { perClass = 15, testPerClass, splits: count = 3, seed, C, folds }: TransferOptions,
): Divided {
  const { classes } = source;
  const labels = Array.from(items, (item) => source.label(item));
  const rows = Uint32Array.from(items.keys());
  requireInteger('splits', count, 1);
  rowsByClass(labels, classes);
  const splits =
    trained === undefined
      ? Array.from({ length: count }, (_, number) =>
          randomSplit(labels, classes, { perClass, testPerClass, seed, number }),
        )
      : [{ train: rows.filter((row) => items[row]! < trained), test: rows.filter((row) => items[row]! >= trained) }];
  for (const { train } of splits) {
    const own = Array.from(train, (row) => labels[row]!);
    foldsOf(own, classes, { C, folds });
  }
  return { labels, splits };
}

/**
 * Describes the images of a data set, measures a classifier on its test part or over random splits, and fits a predictor to all its
 * images if it is requested, or to the training part if there is a test part. Options and labels are checked before any image is
 * described.
 * @throws VggError as `describeWithCache`, `randomSplit` and `fitClassifier`; `VGG_DATASET` for one class or a class with one image.
 */
export async function transfer(net: DescribingNet, data: DataSet, options: TransferOptions): Promise<TransferResult> {
  const { name, perClass = 15, withPredictor, onDescribe, onFit } = options;
  const images = labelled(data);
  const { source, trained } = images;
  const { classes } = source;
  const all = Uint32Array.from({ length: source.length }, (_, i) => i);
  divide(images, all, options);
  const hash = await netHash(net.model);
  const begin = performance.now();
  const { descriptors, items, skipped, known } = await describeWithCache(net, sourceItems(source), {
    ...options,
    hash,
    onProgress: (done) => onDescribe?.(done, source.length),
  });
  const described = performance.now();
  const { labels, splits } = divide(images, items, options);
  const members = rowsByClass(labels, classes);
  const rounds = splits.length + Number(withPredictor === true);
  const study = await evaluateSplits(descriptors, labels, classes.length, splits, {
    ...options,
    onFit: (fits, of) => onFit?.(fits, (of / splits.length) * rounds),
  });
  const scales = scalesOf(net, options);
  const { tap, flip, combination } = options;
  let predictor: Predictor | undefined;
  if (withPredictor) {
    const rows = trained === undefined ? Uint32Array.from(items.keys()) : splits[0]!.train;
    const own = Array.from(rows, (row) => labels[row]!);
    const fitted = await fitClassifier(selectRows(descriptors, rows), own, classes.length, {
      ...options,
      onFit: (fits, of) => onFit?.(splits.length * of + fits, rounds * of),
    });
    const { classifier, sharpness } = fitted;
    const rule = { scales, tap, flip, combination };
    predictor = { classes, classifier, sharpness, rule, net: { name, sha256: hash } };
  }
  return {
    classes,
    images: items.length,
    width: descriptors.width,
    smallClasses: trained === undefined ? members.filter(({ length }) => length <= perClass).length : 0,
    skipped,
    known,
    study,
    predictor,
    seconds: { descriptors: (described - begin) / 1000, classifiers: (performance.now() - described) / 1000 },
  };
}
