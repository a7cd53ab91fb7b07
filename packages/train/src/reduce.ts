/**
 * Sums over the processes of a job. A large tensor is summed where the engine holds it, if the engine lends its memory; the others
 * are copied to buffers.
 */
import { dispose, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type Communicator, gather, type Outcome, outcomeOf, sizeOf, throwFailure } from '@vgg/core';
import { lendNumbers } from './lend';
import { addTotals, NO_SAMPLES, type Totals } from './metrics';

/**
 * Largest number of values that several tensors may have in one message (256 KiB), which takes some times the latency of a network.
 * A single tensor may have more.
 */
const BUCKET = 2 ** 16;

export interface NamedShape {
  name: string;
  shape: readonly number[];
}

/** Groups consecutive entries, each group with at most `limit` numbers or one larger entry. */
export function buckets(entries: readonly NamedShape[], limit = BUCKET): NamedShape[][] {
  const groups: NamedShape[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    if (filled + sizeOf(entry.shape) > limit) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(entry);
    filled += sizeOf(entry.shape);
  }
  return groups;
}

/** Totals of the micro-batches of one process. Losses are text, since JSON has no NaN. */
interface Contribution extends Outcome {
  totals: readonly (Omit<Totals, 'loss' | 'metric'> & { loss: string; metric?: string | undefined })[];
  aborted: boolean;
}

/**
 * Adds up the totals of all micro-batches in their order, and finds out whether any process was aborted.
 *
 * @param totals totals of the micro-batches of this process.
 * @param failure error of this process, or undefined. A failed process takes part too, so that the others do not wait.
 * @throws `failure`, or VggError `VGG_STATE` if another process failed.
 */
export async function gatherTotals(
  communicator: Communicator,
  totals: readonly Totals[],
  aborted: boolean,
  failure: unknown,
): Promise<{ totals: Totals; aborted: boolean }> {
  const own: Contribution = {
    ...outcomeOf(communicator, failure),
    totals: totals.map(({ metric, ...one }) => ({
      ...one,
      loss: String(one.loss),
      metric: metric === undefined ? undefined : String(metric),
    })),
    aborted,
  };
  const all = await gather(communicator, own);
  throwFailure(all, failure);
  const inOrder = all.flatMap((one) =>
    one.totals.map(({ metric, ...each }) => ({
      ...each,
      loss: Number(each.loss),
      metric: metric === undefined ? undefined : Number(metric),
    })),
  );
  return { totals: inOrder.reduce(addTotals, NO_SAMPLES), aborted: all.some((one) => one.aborted) };
}

/** Tensors of one kind that all processes have. */
export interface TensorSet {
  /** Names and shapes, the same on every process. */
  entries: readonly NamedShape[];
  /** Partial sums of this process by name. */
  parts: readonly ReadonlyMap<string, Tensor>[];
}

/** Reads a group of tensors into one array. */
async function readGroup(group: readonly NamedShape[], tensors: ReadonlyMap<string, Tensor>): Promise<Float32Array> {
  const numbers = (await Promise.all(group.map(({ name }) => tensors.get(name)!.data()))) as Float32Array[];
  if (numbers.length === 1) return numbers[0]!;
  const buffer = new Float32Array(lengthOf(group));
  let offset = 0;
  for (const each of numbers) {
    buffer.set(each, offset);
    offset += each.length;
  }
  return buffer;
}

type NamedTensor = [name: string, tensor: Tensor];

/** Partial sums of a group, and where their sum goes. */
interface Buffers {
  parts: Float32Array[];
  result: Float32Array;
  /** Called once the sum was taken, or has failed: the buffers are not used any more. */
  release?: () => unknown;
  /** Returns the sum as tensors. */
  tensors(): NamedTensor[];
}

/** Returns the engine's own memory of a large tensor, whose sum takes the place of the first partial sum; else copies. */
async function buffersOf(group: readonly NamedShape[], parts: TensorSet['parts']): Promise<Buffers> {
  const { name } = group[0]!;
  const loans = lengthOf(group) > BUCKET ? parts.flatMap((part) => lendNumbers(part.get(name)!) ?? []) : [];
  if (loans.length === 0) {
    const result = new Float32Array(lengthOf(group));
    const copies = await Promise.all(parts.map((part) => readGroup(group, part)));
    return { parts: copies, result, tensors: () => tensorsOf(group, result) };
  }
  const lent = await Promise.all(loans.map(({ numbers }) => numbers));
  const [sum, ...others] = loans.map(({ tensor: own }) => own);
  // What is lent stays there.
  dispose(others);
  return {
    parts: lent.map(({ numbers }) => numbers),
    result: lent[0]!.numbers,
    release: () => lent.map((each) => each.release()),
    tensors: () => [[name, sum!]],
  };
}

/**
 * Returns the sums over all processes as new tensors, in the order of the sets and their entries. The sums of the last
 * entries are taken first, since their gradients are computed first: while they are summed, the engine computes the others.
 * The partial sums may be changed: they can only be disposed.
 *
 * @param count number of micro-batches of the whole batch.
 */
export async function reduceTensors(
  communicator: Communicator,
  sets: readonly TensorSet[],
  count: number,
): Promise<Map<string, Tensor>[]> {
  const started: Promise<NamedTensor[]>[][] = [];
  for (const { entries, parts } of sets) {
    const sums: Promise<NamedTensor[]>[] = [];
    started.push(sums);
    for (const group of buckets([...entries].reverse())) {
      const buffers = await buffersOf(group, parts);
      // The next group is made ready while this one is summed.
      const sum = communicator
        .allReduceSum(buffers.result, { count, parts: buffers.parts })
        .finally(buffers.release)
        .then(buffers.tensors);
      sum.catch(() => {});
      sums.push(sum);
    }
  }
  return await Promise.all(started.map(async (sums) => new Map((await Promise.all(sums)).flat().reverse())));
}

function lengthOf(group: readonly NamedShape[]): number {
  return group.reduce((total, { shape }) => total + sizeOf(shape), 0);
}

/** Returns the consecutive numbers of a group as tensors. */
function tensorsOf(group: readonly NamedShape[], numbers: Float32Array): NamedTensor[] {
  let offset = 0;
  return group.map(({ name, shape }) => {
    const size = sizeOf(shape);
    const values = size === numbers.length ? numbers : numbers.slice(offset, offset + size);
    offset += size;
    return [name, tensor(values, [...shape])];
  });
}
