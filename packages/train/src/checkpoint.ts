/** All that a run needs to go on as if it had never stopped: weights, velocities, schedule and place in the epoch. */
import { type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { JsonValue, MomentumSgd, StallState } from '@vgg/optim';
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
  /** `model/<variable>` and `velocity/<variable>`. */
  tensors: ReadonlyMap<string, Tensor | TensorData>;
  /** Free text by key: the net's options, class names, preprocessing. */
  metadata: Readonly<Record<string, string>>;
}

/** Where checkpoints go; `@vgg/train/node` has one on a folder. */
export interface CheckpointStore {
  /** Keeps the checkpoint for good once it resolves, and returns its name. The tensors may change afterwards. */
  save(checkpoint: Checkpoint): Promise<string>;
}

const [MODEL, VELOCITY] = ['model/', 'velocity/'];

/** A checkpoint of the net and optimiser as they are; its tensors are theirs, not copies. */
export function captureCheckpoint(
  model: TrainableNet,
  optimiser: MomentumSgd,
  state: TrainingState,
  metadata: Readonly<Record<string, string>> = {},
): Checkpoint {
  const tensors = new Map<string, Tensor>();
  for (const [name, variable] of model.variables) tensors.set(MODEL + name, variable);
  for (const [name, velocity] of optimiser.velocities) tensors.set(VELOCITY + name, velocity);
  return { state, tensors, metadata: { model: JSON.stringify(model.options), ...metadata } };
}

function asTensor(value: Tensor | TensorData): Tensor {
  return 'dataId' in value ? value.clone() : tensor(asFloat32(value), [...value.shape], 'float32');
}

/**
 * Puts a checkpoint's weights into `model`, and its velocities into `optimiser` where one is given.
 *
 * @throws VggError `VGG_WEIGHTS` naming the variable when one is missing, left over or shaped otherwise; nothing has
 *   changed then.
 */
export function restoreCheckpoint(
  { tensors }: Pick<Checkpoint, 'tensors'>,
  model: Pick<TrainableNet, 'variables'>,
  optimiser?: MomentumSgd,
): void {
  for (const [name, { shape }] of model.variables) {
    const saved = tensors.get(MODEL + name)?.shape;
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
  for (const [name, variable] of model.variables) tidy(() => variable.assign(asTensor(tensors.get(MODEL + name)!)));
  if (optimiser === undefined) return;
  tidy(() => {
    const saved = [...tensors].filter(([name]) => name.startsWith(VELOCITY));
    optimiser.loadVelocities(new Map(saved.map(([name, value]) => [name.slice(VELOCITY.length), asTensor(value)])));
  });
}
