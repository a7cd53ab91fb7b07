/** All that a run needs to go on as if it had never stopped: weights, velocities, schedule and place in the epoch. */
import { type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { JsonValue, Optimiser, StallState, WeightAverage } from '@vgg/optim';
import { asFloat32, type TensorData } from '@vgg/weights';
import type { Totals } from './metrics';
import type { TrainableNet } from './net';

/** The best validation so far. */
export type Best = { epoch: number; step: number; metric: number };

/** Plain JSON. */
export type TrainingState = {
  version: 1;
  seed: number;
  /** The epoch, counted from 0, that is running or comes next. */
  epoch: number;
  /** The batch of that epoch that comes next. */
  batch: number;
  /** Steps completed over the whole run. */
  step: number;
  /** Sums over the batches of this epoch so far. */
  totals: Totals;
  schedule: JsonValue;
  stall: StallState;
  best: Best | null;
};

export interface Checkpoint {
  state: TrainingState;
  /** `model/<variable>`, `velocity/<variable>` and, where the run averages its weights, `average/<variable>`. */
  tensors: ReadonlyMap<string, Tensor | TensorData>;
  /** Free text by key: the net's options, class names, preprocessing. */
  metadata: Readonly<Record<string, string>>;
}

/** Where checkpoints go; `@vgg/train/node` has one on a folder. */
export interface CheckpointStore {
  /** Keeps the checkpoint for good once it resolves, and returns its name. The tensors may change afterwards. */
  save(checkpoint: Checkpoint): Promise<string>;
}

const [MODEL, VELOCITY, AVERAGE] = ['model/', 'velocity/', 'average/'];

/** Whether the checkpoint's run averages its weights, and has made a step. */
export function hasAverages({ tensors }: Pick<Checkpoint, 'tensors'>): boolean {
  return [...tensors.keys()].some((name) => name.startsWith(AVERAGE));
}

/** A checkpoint of the net and optimiser as they are; its tensors are theirs, not copies. */
export function captureCheckpoint(
  model: TrainableNet,
  optimiser: Optimiser,
  state: TrainingState,
  metadata: Readonly<Record<string, string>> = {},
  average?: WeightAverage,
): Checkpoint {
  const tensors = new Map<string, Tensor>();
  for (const [name, variable] of model.variables) tensors.set(MODEL + name, variable);
  for (const [name, velocity] of optimiser.velocities) tensors.set(VELOCITY + name, velocity);
  for (const [name, value] of average?.averages ?? []) tensors.set(AVERAGE + name, value);
  return { state, tensors, metadata: { model: JSON.stringify(model.options), ...metadata } };
}

function asTensor(value: Tensor | TensorData): Tensor {
  return 'dataId' in value ? value.clone() : tensor(asFloat32(value), [...value.shape], 'float32');
}

/** What a run trains with, beside the net. */
export interface TrainingParts {
  optimiser: Optimiser;
  average?: WeightAverage | undefined;
}

function withPrefix(tensors: Checkpoint['tensors'], prefix: string): Map<string, Tensor> {
  const those = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(those.map(([name, value]) => [name.slice(prefix.length), asTensor(value)]));
}

/**
 * Puts a checkpoint's weights into `model`. To go on training, give `training`: velocities and averages go into it, and the
 * weights are those that training goes on with. Without, the net is for use: it gets the averages where there are any.
 *
 * @throws VggError `VGG_WEIGHTS` naming the variable when one is missing, left over or shaped otherwise; nothing has
 *   changed then.
 */
export function restoreCheckpoint(
  checkpoint: Pick<Checkpoint, 'tensors' | 'state'>,
  model: Pick<TrainableNet, 'variables'>,
  training?: TrainingParts,
): void {
  const { tensors, state } = checkpoint;
  const source = training === undefined && hasAverages(checkpoint) ? AVERAGE : MODEL;
  for (const [name, { shape }] of model.variables) {
    const saved = tensors.get(source + name)?.shape;
    if (saved?.join() !== shape.join()) {
      const got = saved === undefined ? 'none' : `shape [${saved}]`;
      throw new VggError(
        'weights',
        `checkpoint: ${name} should have shape [${shape}], got ${got}: it is of another net`,
      );
    }
  }
  for (const [name, { shape }] of tensors) {
    const variable = name.slice(name.indexOf('/') + 1);
    const expected = model.variables.get(variable)?.shape;
    if (expected?.join() !== shape.join()) {
      throw new VggError('weights', `checkpoint: ${name} of shape [${shape}] fits no variable: it is of another net`);
    }
  }
  for (const [name, variable] of model.variables) tidy(() => variable.assign(asTensor(tensors.get(source + name)!)));
  tidy(() => {
    training?.optimiser.loadVelocities(withPrefix(tensors, VELOCITY));
    if (hasAverages(checkpoint)) training?.average?.load(withPrefix(tensors, AVERAGE), state.step);
  });
}
