/** Runs of the toy net by `fit`. */
import { constant, MomentumSgd } from '@vgg/optim';
import { type Checkpoint, type FitOptions, fit, type TrainEvent, validate } from '../src/index';
import { MemoryStore, ToyNet, toyBatch, toyBatches, weightsOf } from './toy';

/** Trains a toy net and returns its weights and velocities to the bit, its events and its checkpoints. */
export async function run(options: Partial<FitOptions> = {}, net = new ToyNet()) {
  const optimiser = options.optimiser ?? new MomentumSgd();
  const store = new MemoryStore();
  const events: TrainEvent[] = [];
  const result = await fit({
    model: net,
    optimiser,
    batches: toyBatches(),
    microBatch: 3,
    schedule: constant(0.05),
    epochs: 2,
    seed: 11,
    checkpoints: { store, everySteps: 1 },
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
    ...Object.fromEntries(Object.entries(options).filter(([key]) => key !== 'onEvent')),
  });
  const velocities = Object.fromEntries([...optimiser.velocities].map(([name, v]) => [name, [...v.dataSync()]]));
  const weights = weightsOf(net);
  net.dispose();
  optimiser.dispose();
  return { result, store, events, weights, velocities };
}

export const validation = (net: ToyNet) => (signal?: AbortSignal) =>
  validate({ model: net, batches: [toyBatch(20, 99)], signal });

/** Returns a checkpoint as read from a file: the state is a copy through JSON. */
export function throughJson(checkpoint: Checkpoint): Checkpoint {
  return { ...checkpoint, state: JSON.parse(JSON.stringify(checkpoint.state)) };
}
