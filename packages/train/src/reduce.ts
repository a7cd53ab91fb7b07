/** Sums over the processes of a job, in buffers of a size that suits a computer network. */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type Communicator, sizeOf, VggError } from '@vgg/core';
import type { Totals } from './metrics';

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

/**
 * Adds up the totals of all processes, and finds out whether any of them was aborted.
 *
 * @param failure error of this process, or undefined. A failed process takes part too, so that the others do not wait.
 * @throws `failure`, or VggError `VGG_STATE` if another process failed.
 */
export async function reduceTotals(
  communicator: Communicator,
  { samples, loss, top1, top5 }: Totals,
  aborted: boolean,
  failure: unknown,
): Promise<{ totals: Totals; aborted: boolean }> {
  const buffer = Float32Array.of(samples, loss, top1, top5, Number(aborted), failure === undefined ? 0 : 1);
  await communicator.allReduceSum(buffer);
  if (failure !== undefined) throw failure;
  const [allSamples, allLoss, allTop1, allTop5, anyAborted, failures] = buffer as unknown as number[];
  if (failures! > 0) throw new VggError('state', `${failures} other process(es) of the job failed: see their errors`);
  const totals = { samples: allSamples!, loss: allLoss!, top1: allTop1!, top5: allTop5! };
  return { totals, aborted: anyAborted! > 0 };
}

/**
 * Returns the sums over all processes as new tensors, in the order of `entries`, which must be the same on every
 * process. A process without a sum for an entry counts as zero.
 */
export async function reduceTensors(
  communicator: Communicator,
  entries: readonly NamedShape[],
  sums: ReadonlyMap<string, Tensor>,
): Promise<Map<string, Tensor>> {
  const reduced = new Map<string, Tensor>();
  for (const group of buckets(entries)) {
    const buffer = new Float32Array(group.reduce((total, entry) => total + sizeOf(entry.shape), 0));
    let offset = 0;
    for (const entry of group) {
      const sum = sums.get(entry.name);
      if (sum !== undefined) buffer.set((await sum.data()) as Float32Array, offset);
      offset += sizeOf(entry.shape);
    }
    await communicator.allReduceSum(buffer);
    offset = 0;
    for (const entry of group) {
      const values = buffer.slice(offset, offset + sizeOf(entry.shape));
      reduced.set(entry.name, tensor(values, [...entry.shape], 'float32'));
      offset += sizeOf(entry.shape);
    }
  }
  return reduced;
}
