/** Messages among the processes of a job in addition to sums: settings, outcomes, a checkpoint to start from. */
import { type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { type Communicator, gather, outcomeOf, throwFailure, VggError } from '@vgg/core';
import type { TensorData } from '@vgg/weights';
import type { Checkpoint } from './checkpoint';

/** Returns the value of rank 0 on every rank. */
export async function fromFirst<T>(communicator: Communicator, value: T): Promise<T> {
  const [first] = await gather(communicator, communicator.rank === 0 ? value : null);
  return first as T;
}

/**
 * Throws on every rank unless all ranks have the same settings.
 *
 * @param settings values by name, which are compared as JSON.
 * @throws VggError `VGG_ARGUMENT` that names the first rank with another setting.
 */
export async function requireSameSettings(
  communicator: Communicator,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (communicator.size === 1) return;
  const [first, ...others] = await gather(communicator, { host: communicator.host, settings });
  for (const [i, other] of others.entries()) {
    for (const name of new Set([...Object.keys(first!.settings), ...Object.keys(other.settings)])) {
      const expected = JSON.stringify(first!.settings[name]);
      const got = JSON.stringify(other.settings[name]);
      if (got === expected) continue;
      throw new VggError(
        'argument',
        `rank ${i + 1} (${other.host}) has ${name} ${got}, rank 0 (${first!.host}) has ${expected}: ` +
          'start all ranks with the same settings, files and versions',
        { details: { rank: i + 1 } },
      );
    }
  }
}

/** Runs `work` on rank 0 alone while the others wait for it. If it fails, all ranks fail. */
export async function onFirst(communicator: Communicator, work: () => Promise<void>): Promise<void> {
  let failure: unknown;
  if (communicator.rank === 0) {
    await work().catch((error: unknown) => {
      failure = error;
    });
  }
  if (communicator.size === 1 && failure !== undefined) throw failure;
  if (communicator.size > 1) throwFailure(await gather(communicator, outcomeOf(communicator, failure)), failure);
}

async function numbersOf(value: Tensor | TensorData): Promise<Float32Array> {
  if ('dataId' in value) return (await value.data()) as Float32Array;
  return new Float32Array(value.bytes.slice().buffer);
}

/** Returns the checkpoint of rank 0 on every rank. The caller disposes the tensors of other ranks. */
export async function shareCheckpoint(communicator: Communicator, checkpoint: Checkpoint): Promise<Checkpoint> {
  const { rank } = communicator;
  const { state, metadata, shapes } = await fromFirst(communicator, {
    state: checkpoint.state,
    metadata: checkpoint.metadata,
    shapes: [...checkpoint.tensors].map(([name, { shape }]): [string, readonly number[]] => [name, shape]),
  });
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, side) => product * side, 1);
    const numbers = rank === 0 ? await numbersOf(checkpoint.tensors.get(name)!) : new Float32Array(size);
    await communicator.broadcast(numbers, 0);
    if (rank > 0)
      tensors.set(
        name,
        tidy(() => tensor(numbers, [...shape], 'float32')),
      );
  }
  return rank === 0 ? checkpoint : { state, metadata, tensors };
}
