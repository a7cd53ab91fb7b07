/** Sums over the processes of a job, in buffers of a size that suits a computer network. */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type Communicator, sizeOf } from '@vgg/core';
import { gather, type Outcome, outcomeOf, throwFailure } from './job';
import { addTotals, NO_SAMPLES, type Totals } from './metrics';

/** Largest number of values per message (16 MiB). A single tensor may have more. */
const BUCKET = 2 ** 22;

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

/**
 * Returns the sums over all processes as new tensors, in the order of `entries`, which must be the same on every
 * process. The sums of the last entries are taken first: their gradients are computed first.
 *
 * @param parts partial sums of this process by name.
 * @param count number of micro-batches of the whole batch.
 */
export async function reduceTensors(
  communicator: Communicator,
  entries: readonly NamedShape[],
  parts: readonly ReadonlyMap<string, Tensor>[],
  count: number,
): Promise<Map<string, Tensor>> {
  const sums: Promise<Map<string, Tensor>>[] = [];
  for (const group of buckets([...entries].reverse())) {
    const length = group.reduce((total, { shape }) => total + sizeOf(shape), 0);
    const buffers = parts.map(() => new Float32Array(length));
    let offset = 0;
    for (const { name, shape } of group) {
      for (const [i, part] of parts.entries()) buffers[i]!.set((await part.get(name)!.data()) as Float32Array, offset);
      offset += sizeOf(shape);
    }
    const result = buffers[0] ?? new Float32Array(length);
    // The next group is read while this one is summed.
    const sum = communicator.allReduceSum(result, { count, parts: buffers }).then(() => tensorsOf(group, result));
    sum.catch(() => {});
    sums.push(sum);
  }
  const reduced = (await Promise.all(sums)).flatMap((tensors) => [...tensors]);
  return new Map(reduced.reverse());
}

/** Returns the consecutive numbers of a group as tensors. */
function tensorsOf(group: readonly NamedShape[], numbers: Float32Array): Map<string, Tensor> {
  let offset = 0;
  return new Map(
    group.map(({ name, shape }) => {
      const size = sizeOf(shape);
      const values = numbers.slice(offset, offset + size);
      offset += size;
      return [name, tensor(values, [...shape], 'float32')];
    }),
  );
}
