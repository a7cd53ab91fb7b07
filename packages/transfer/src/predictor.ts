/** A classifier together with the rule of its descriptors and its net: what is needed to classify new images. */
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { decisionValues, type LinearClassifier } from './classifier';
import { probabilitiesOf } from './cross-validation';
import { type DescribingNet, describeImage } from './describe';
import { type DescriptorRule, ruleFault } from './rule';

/** Net on whose descriptors a classifier was fitted. */
export interface NetIdentity {
  /** Name or path by which it was loaded. */
  readonly name: string;
  /** SHA-256 of its layers and weights, as `netHash` of `@vgg/transfer/node` returns it. */
  readonly sha256: string;
}

/** Predictor without its net. */
export interface Predictor {
  /** Class names in the order of the classifier. */
  readonly classes: readonly string[];
  readonly classifier: LinearClassifier;
  /** Factor of the decision values before their soft-max. */
  readonly sharpness: number;
  /** Rule of the descriptors, with its scales. */
  readonly rule: DescriptorRule & { readonly scales: readonly number[] };
  readonly net: NetIdentity;
}

/** Class that the image may show. */
export interface PredictedClass {
  readonly name: string;
  /** Index of the class. */
  readonly index: number;
  /** Soft-max of sharpness · decision values; an estimate for an SVM. */
  readonly probability: number;
  readonly decisionValue: number;
}

/**
 * Returns the most likely classes of an image, most likely first.
 * @param top number of classes. Default 5.
 * @throws VggError `VGG_SHAPE` when the net's descriptors are not as long as the classifier expects; as `describeImage`.
 */
export async function predictWith(
  { classes, classifier, sharpness, rule }: Predictor,
  net: DescribingNet,
  image: RawImage,
  top = 5,
): Promise<PredictedClass[]> {
  const values = await describeImage(net, image, rule);
  const decisions = decisionValues(classifier, { length: 1, width: values.length, values });
  const probabilities = probabilitiesOf(decisions, sharpness);
  return [...decisions.keys()]
    .sort((a, b) => decisions[b]! - decisions[a]! || a - b)
    .slice(0, top)
    .map((index) => ({
      name: classes[index]!,
      index,
      probability: probabilities[index]!,
      decisionValue: decisions[index]!,
    }));
}

/** Returns the first error in a predictor, or undefined. It may come from a file. */
export function predictorFault({ classes, classifier, sharpness, rule, net }: Predictor): string | undefined {
  const { kind, width, weights, intercepts } = classifier;
  if (!Array.isArray(classes) || classes.length < 2 || !classes.every((name) => typeof name === 'string')) {
    return 'expected two class names or more';
  }
  if (kind !== 'svm' && kind !== 'logistic') return `expected a classifier svm or logistic, got ${kind}`;
  if (weights.length !== classes.length * width || intercepts.length !== classes.length) {
    return `expected weights of ${classes.length} classes, got ${intercepts.length}`;
  }
  if (!weights.every(Number.isFinite) || !intercepts.every(Number.isFinite)) return 'expected finite weights';
  if (!Number.isFinite(sharpness) || sharpness <= 0) return `expected a finite sharpness above 0, got ${sharpness}`;
  if (typeof net?.sha256 !== 'string' || typeof net.name !== 'string') return 'expected the name and hash of its net';
  return ruleFault(rule);
}

/** Throws `VGG_WEIGHTS` for a predictor that is not valid. */
export function checkPredictor(predictor: Predictor, source: string): void {
  const fault = predictorFault(predictor);
  if (fault !== undefined) throw new VggError('weights', `${source} is not a valid predictor: ${fault}`);
}
