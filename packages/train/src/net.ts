/** Interface of a trainable net. Every net of `@vgg/models` implements it, and your own may too. */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import type { RandomStream } from '@vgg/core';

export interface ForwardOptions {
  /** True for dropout and for batch norm by the batch's own statistics. Default false. */
  training?: boolean | undefined;
  /** Returns the random stream of a layer's dropout. */
  dropout?: ((layer: string) => RandomStream) | undefined;
  /** Layers whose outputs are returned too. Used to name the layer after a loss that is not finite. */
  taps?: readonly string[] | undefined;
}

export interface TrainableNet {
  /** Plain JSON, saved with the weights. */
  readonly options: {
    /** Number of outputs. */
    readonly classes: number;
  };
  /** All variables by name, in the order of the net, including statistics. Each has one name. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Variables that training changes by gradient, in the order of the net. */
  readonly trainable: ReadonlyMap<string, Variable>;
  apply(
    images: Tensor4D,
    options?: ForwardOptions,
  ): {
    /** [n, classes]; for a loss without classes, [n, outputs]. */
    readonly logits: Tensor2D;
    /** Requested outputs, if the net supports them. */
    readonly taps?: Readonly<Record<string, Tensor>> | undefined;
    /** Statistics of the batch by the names of the variables with their moving averages; empty without batch norm. */
    readonly batchStatistics: Readonly<Record<string, Tensor1D>>;
  };
  /** Moves the moving averages towards the statistics of a step. Called once per step. */
  updateStatistics(statistics: Readonly<Record<string, Tensor1D>>): void;
}
