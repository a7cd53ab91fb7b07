/** Description of a run that a report needs. A trainer makes it of its own record of the run. */
import type { Variable } from '@tensorflow/tfjs-core';
import type { ImageSource, TrainTransform } from '@vgg/data';
import type { TappedNet } from '@vgg/eval';
import type { Facts } from './data';

export interface RunDescription {
  /** Name of the run, the title of the page. */
  readonly name: string;
  /** One line that describes the run. */
  readonly summary: string;
  /** Class names in the order of the net's outputs. */
  readonly classes: readonly string[];
  /** Number of epochs planned, and of batches in an epoch. */
  readonly epochs: number;
  readonly batchesPerEpoch: number;
  /** Number of validation images. */
  readonly validationImages: number;
  /** Folder or name of the data set, shown where its images are missing. */
  readonly data: string;
  /** Preparation of the training images. */
  readonly transform: TrainTransform;
  /** Random seed of the training crops. */
  readonly seed: number;
  /** Command that evaluates the net, shown where results are missing. */
  readonly evaluateCommand: string;
  /** Tables of names and values at the end of the page. */
  readonly facts: readonly Facts[];
}

/** Variables of a net by name. `Vgg` of `@vgg/models` has them. */
export interface NetVariables {
  readonly variables: ReadonlyMap<string, Variable>;
}

/** Net of a run. `Vgg` of `@vgg/models` is one. */
export type RunNet = TappedNet & NetVariables;

/** Images of a run: undefined where there are none, or where they can no longer be read. */
export interface RunImages {
  readonly train?: ImageSource | undefined;
  readonly validation?: ImageSource | undefined;
}
