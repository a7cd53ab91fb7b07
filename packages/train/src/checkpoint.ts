/** Checkpoints: weights, velocities, schedule and place in the epoch, which make a resumed run the same to the bit. */
import { type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { JsonValue, Optimiser, StallState, WeightAverage } from '@vgg/optim';
import { asFloat32, type TensorData } from '@vgg/weights';
import type { BestWeights } from './best-weights';
import type { Totals } from './metrics';
import type { TrainableNet } from './net';

/** Best validation so far. */
export type Best = { epoch: number; step: number; metric: number };

/** State of a run, plain JSON. */
export type TrainingState = {
  version: 1;
  seed: number;
  /** Current or next epoch, counted from 0. */
  epoch: number;
  /** Next batch of that epoch, counted from 0. */
  batch: number;
  /** Number of completed steps of the whole run. */
  step: number;
  /** Sums over the completed batches of this epoch. */
  totals: Totals;
  schedule: JsonValue;
  stall: StallState;
  best: Best | null;
};

export interface Checkpoint {
  state: TrainingState;
  /**
   * `model/<variable>`, `velocity/<variable>`, if the run averages its weights `average/<variable>`, and if it restores the
   * best ones `best/<variable>`.
   */
  tensors: ReadonlyMap<string, Tensor | TensorData>;
  /** Text by key: the net's options, class names, preprocessing. */
  metadata: Readonly<Record<string, string>>;
}

/** Storage of checkpoints. `CheckpointFolder` of `@vgg/train/node` stores them in a folder. */
export interface CheckpointStore {
  /**
   * Stores the checkpoint and returns its name. Once this resolves, the checkpoint is durable and its tensors may
   * change.
   */
  save(checkpoint: Checkpoint): Promise<string>;
}

/** Beginnings of the names of a checkpoint's tensors. */
const MODEL = 'model/';
const VELOCITY = 'velocity/';
const AVERAGE = 'average/';
const BEST = 'best/';

/** True if the checkpoint's run averages its weights and has completed a step. */
export function hasAverages({ tensors }: Pick<Checkpoint, 'tensors'>): boolean {
  return [...tensors.keys()].some((name) => name.startsWith(AVERAGE));
}

/** True if a checkpoint has the weights of the best epoch. */
export function hasBest({ tensors }: Pick<Checkpoint, 'tensors'>): boolean {
  return [...tensors.keys()].some((name) => name.startsWith(BEST));
}

/** Returns a checkpoint of the net and the optimiser. Its tensors are theirs, not copies. */
export function captureCheckpoint(
  model: TrainableNet,
  optimiser: Optimiser,
  state: TrainingState,
  metadata: Readonly<Record<string, string>> = {},
  average?: WeightAverage,
  best?: BestWeights,
): Checkpoint {
  const tensors = new Map<string, Tensor>();
  for (const [name, variable] of model.variables) tensors.set(MODEL + name, variable);
  for (const [name, velocity] of optimiser.velocities) tensors.set(VELOCITY + name, velocity);
  for (const [name, value] of average?.averages ?? []) tensors.set(AVERAGE + name, value);
  for (const [name, value] of best?.weights ?? []) tensors.set(BEST + name, value);
  return { state, tensors, metadata: { model: JSON.stringify(model.options), ...metadata } };
}

function asTensor(value: Tensor | TensorData): Tensor {
  return 'dataId' in value ? value.clone() : tensor(asFloat32(value), [...value.shape], 'float32');
}

/** Parts of a run that a checkpoint restores in addition to the net. */
export interface TrainingParts {
  optimiser: Optimiser;
  average?: WeightAverage | undefined;
  best?: BestWeights | undefined;
}

function withPrefix(tensors: Checkpoint['tensors'], prefix: string): Map<string, Tensor> {
  const selected = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(selected.map(([name, value]) => [name.slice(prefix.length), asTensor(value)]));
}

/**
 * Returns the name of the variable that a checkpoint's tensor belongs to. An optimiser may put a prefix before the names of its
 * velocities: the longest name that fits is that of the variable, so a velocity of `b/a/kernel` is not one of `a/kernel`.
 */
function variableOf(name: string, variables: TrainableNet['variables']): string {
  let variable = name.slice(name.indexOf('/') + 1);
  if (!name.startsWith(VELOCITY)) return variable;
  while (!variables.has(variable) && variable.includes('/')) variable = variable.slice(variable.indexOf('/') + 1);
  return variable;
}

/** Returns height and width of the input in a net's options; undefined for a square. Another program's text may not be JSON. */
function rectangleOf(options: string | undefined): string | undefined {
  const size = /"inputSize":\[(\d+),(\d+)\]/.exec(options ?? '');
  return size === null ? undefined : `${size[1]}x${size[2]}`;
}

/** Throws if a checkpoint is of a net for rectangles of another shape: weights for 2×4 places have the shapes of those for 4×2. */
function checkRectangle({ model: saved }: Checkpoint['metadata'], options: unknown): void {
  const [got, expected] = [saved, JSON.stringify(options)].map(rectangleOf);
  if (got === undefined || expected === undefined || got === expected) return;
  throw new VggError(
    'weights',
    `checkpoint: it is of a net with inputs of ${got} (height x width), expected ${expected}`,
  );
}

/**
 * Copies a checkpoint's weights into `model`. To continue training, pass `training`: it gets the velocities and
 * averages, and the net gets the weights themselves. Without `training`, the net gets the averages if there are any.
 *
 * @throws VggError `VGG_WEIGHTS` naming the variable if one is missing, unknown or of another shape, or if the net is known to take
 *   other rectangles; nothing has changed then.
 */
export function restoreCheckpoint(
  checkpoint: Pick<Checkpoint, 'tensors' | 'state'> & Partial<Pick<Checkpoint, 'metadata'>>,
  model: Pick<TrainableNet, 'variables'> & Partial<Pick<TrainableNet, 'options'>>,
  training?: TrainingParts,
): void {
  const { tensors, state, metadata = {} } = checkpoint;
  checkRectangle(metadata, model.options);
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
    const expected = model.variables.get(variableOf(name, model.variables))?.shape;
    if (expected?.join() !== shape.join()) {
      throw new VggError('weights', `checkpoint: ${name} of shape [${shape}] fits no variable: it is of another net`);
    }
  }
  for (const [name, variable] of model.variables) tidy(() => variable.assign(asTensor(tensors.get(source + name)!)));
  tidy(() => {
    training?.optimiser.loadVelocities(withPrefix(tensors, VELOCITY), undefined, state.step);
    if (hasAverages(checkpoint)) training?.average?.load(withPrefix(tensors, AVERAGE), state.step);
    training?.best?.take(withPrefix(tensors, BEST));
  });
}
