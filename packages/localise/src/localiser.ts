/** Localisation nets made from classification nets (appendix A.1). */
import { VggError } from '@vgg/core';
import { createVgg, type Initialiser, normalInitialiser, type Vgg } from '@vgg/models';
import { BOX_NUMBERS, outputsOf, type Regression } from './regression';

/** Options of {@link createLocaliser}. */
export interface LocaliserOptions {
  /** Default `per-class`, which is better in the paper's Table 8. */
  readonly regression?: Regression | undefined;
  /** Number of classes. Default that of the classification net. */
  readonly classes?: number | undefined;
  /**
   * Layers that are trained. `all`: every layer, which is better in Table 8. `classifier`: the fully-connected layers, the last one
   * included. Default `all`.
   */
  readonly tuned?: 'all' | 'classifier' | undefined;
  /** Initialiser of the last layer. Default `normalInitialiser({ seed: 0 })`. */
  readonly initialiser?: Initialiser | undefined;
}

/**
 * Creates a localisation net: the layers of a classification net, copied, and a last layer that predicts boxes, initialised
 * randomly. Its `options.classes` is the number of outputs. The caller disposes both nets.
 * @throws VggError `VGG_ARGUMENT` for a net without a last layer, or an unknown kind of regression.
 */
export function createLocaliser(classifier: Vgg, options: LocaliserOptions = {}): Vgg {
  const { regression = 'per-class', classes = classifier.options.classes, tuned = 'all' } = options;
  const { initialiser = normalInitialiser({ seed: 0 }) } = options;
  if (classifier.options.head === 'none') {
    throw new VggError('argument', 'expected a classification net, got one with head "none": load its classifier too');
  }
  const localiser = createVgg({ ...classifier.options, classes: outputsOf(regression, classes) }, (variable) =>
    variable.layer === 'fc8' ? initialiser(variable) : classifier.variables.get(variable.name)!,
  );
  if (tuned === 'classifier') localiser.freeze('features');
  return localiser;
}

/** Names of the numbers of a box, in the order of the outputs. */
const NUMBER_NAMES = ['x', 'y', 'width', 'height'] as const;

/** Returns the names of a net's outputs, for its weight file: `dog x`, `dog y`, `dog width`, `dog height`, ... */
export function outputNames(regression: Regression, classes: readonly string[]): string[] {
  const owners = regression === 'shared' ? ['box'] : classes;
  return owners.flatMap((name) => NUMBER_NAMES.map((number) => `${name} ${number}`));
}

/** Returns the kind of regression of a net. @throws VggError `VGG_ARGUMENT` if its outputs are not those of boxes. */
export function regressionOf(
  { options }: { readonly options: { readonly classes: number } },
  classes: number,
): Regression {
  if (options.classes === BOX_NUMBERS) return 'shared';
  if (options.classes === BOX_NUMBERS * classes) return 'per-class';
  throw new VggError(
    'argument',
    `expected a localisation net of ${classes} classes, with 4 or ${BOX_NUMBERS * classes} outputs, got one with ${options.classes}`,
  );
}
