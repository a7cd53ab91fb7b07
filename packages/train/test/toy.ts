/** Net that trains thousands of steps per second and has dropout, statistics and a falling loss. */
import {
  add,
  matMul,
  moments,
  mul,
  reshape,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tidy,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import type { TensorData } from '@vgg/weights';
import type { Checkpoint, CheckpointStore, ForwardOptions, TrainableNet } from '../src/index';

export const SIDE = 2;
const INPUTS = SIDE * SIDE * 3;

export class ToyNet implements TrainableNet {
  options: { classes: number };
  readonly variables = new Map<string, Variable>();
  readonly frozen = new Set<string>();
  readonly #dropout: number;

  constructor({ classes = 4, seed = 0, dropout = 0.25, batchNorm = true } = {}) {
    this.options = { classes };
    this.#dropout = dropout;
    const random = randomStream(seed, 'toy');
    const make = (name: string, shape: number[], values: Float32Array) =>
      this.variables.set(
        name,
        tidy(() => variable(tensor(values, shape, 'float32'))),
      );
    if (batchNorm) {
      make('bn1_1.scale', [INPUTS], new Float32Array(INPUTS).fill(1));
      make('bn1_1.mean', [INPUTS], new Float32Array(INPUTS));
      make('bn1_1.variance', [INPUTS], new Float32Array(INPUTS).fill(1));
    }
    make('fc8.weight', [INPUTS, classes], random.fillNormal(new Float32Array(INPUTS * classes)));
    make('fc8.bias', [classes], new Float32Array(classes));
  }

  get trainable(): ReadonlyMap<string, Variable> {
    return new Map([...this.variables].filter(([name]) => /scale|weight|bias/.test(name) && !this.frozen.has(name)));
  }

  apply(images: Tensor4D, { training = false, dropout }: ForwardOptions = {}) {
    const batchStatistics: Record<string, Tensor1D> = {};
    const logits = tidy(() => {
      const samples = images.shape[0];
      let x = reshape(images, [samples, INPUTS]) as Tensor2D;
      if (training && this.#dropout > 0) {
        const drops = dropout!('drop8').fillUniform(new Float32Array(samples * INPUTS));
        x = mul(
          x,
          tensor(
            drops.map((u) => (u < this.#dropout ? 0 : 1 / (1 - this.#dropout))),
            [samples, INPUTS],
          ),
        );
      }
      const scale = this.variables.get('bn1_1.scale');
      if (scale !== undefined) x = mul(x, scale);
      return add(matMul(x, this.variables.get('fc8.weight') as unknown as Tensor2D), this.variables.get('fc8.bias')!);
    }) as Tensor2D;
    if (training && this.variables.has('bn1_1.scale')) {
      const { mean: average, variance } = tidy(() => moments(reshape(images, [images.shape[0], INPUTS]), 0));
      Object.assign(batchStatistics, { 'bn1_1.mean': average, 'bn1_1.variance': variance });
    }
    return { logits, batchStatistics };
  }

  updateStatistics(statistics: Readonly<Record<string, Tensor1D>>): void {
    for (const [name, statistic] of Object.entries(statistics)) {
      tidy(() => this.variables.get(name)!.assign(add(mul(this.variables.get(name)!, 0.9), mul(statistic, 0.1))));
    }
  }

  dispose(): void {
    for (const value of this.variables.values()) value.dispose();
  }
}

/** Returns noise images whose first pixels show their class, so that the class can be learned in some steps. */
export function toyBatch(size: number, ...address: number[]) {
  const random = randomStream(7, 'toy-batch', ...address);
  const labels = Int32Array.from({ length: size }, () => random.integer(4));
  const images = random.fillNormal(new Float32Array(size * INPUTS));
  labels.forEach((label, i) => {
    images[i * INPUTS + label] = images[i * INPUTS + label]! + 2;
  });
  return { images, labels, size, height: SIDE, width: SIDE };
}

/** Returns batches of 8 images; the last one has `last` images. */
export function toyBatches(perEpoch = 3, last = 5) {
  return async function* (epoch: number, start: number) {
    for (let i = start; i < perEpoch; i++) yield toyBatch(i === perEpoch - 1 ? last : 8, epoch, i);
  };
}

/** Returns all numbers of a net by variable. */
export function weightsOf({ variables }: Pick<TrainableNet, 'variables'>): Record<string, number[]> {
  return Object.fromEntries([...variables].map(([name, value]) => [name, [...value.dataSync()]]));
}

/** Returns the numbers of a tensor in a checkpoint of {@link MemoryStore}. */
export function numbersOf(value: Tensor | TensorData | undefined): number[] {
  if (value === undefined || !('bytes' in value) || !(value.bytes instanceof Uint8Array)) {
    throw new Error('expected a tensor of a memory store');
  }
  return [...new Float32Array(value.bytes.buffer)];
}

/** Store that keeps copies of the checkpoints in memory, in order. */
export class MemoryStore implements CheckpointStore {
  readonly saved: Checkpoint[] = [];

  async save({ state, tensors, metadata }: Checkpoint): Promise<string> {
    const copies = [...tensors].map(([name, value]) => {
      if (!('dataId' in value)) throw new Error('expected tensors');
      const bytes = new Uint8Array(Float32Array.from(value.dataSync()).buffer);
      return [name, { dtype: 'F32', shape: value.shape, bytes }] as const;
    });
    this.saved.push({ state: structuredClone(state), tensors: new Map(copies), metadata });
    return `step-${state.step}`;
  }

  at(step: number): Checkpoint {
    return this.saved.find(({ state }) => state.step === step)!;
  }
}
