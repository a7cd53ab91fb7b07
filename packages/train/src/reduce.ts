/** Adding up a batch's sums over the processes of a job, in buffers of a size that a network carries well. */
import { type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type Communicator, VggError } from '@vgg/core';
import type { Totals } from './metrics';

/** Numbers per message (16 MiB), unless one tensor alone has more. */
const BUCKET = 2 ** 22;

export interface NamedShape {
  name: string;
  shape: readonly number[];
}

function elements({ shape }: NamedShape): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Consecutive entries in groups of at most {@link BUCKET} numbers. */
export function buckets(entries: readonly NamedShape[], limit = BUCKET): NamedShape[][] {
  const groups: NamedShape[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    if (filled + elements(entry) > limit) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(entry);
    filled += elements(entry);
  }
  return groups;
}

/**
 * Totals, and whether any process raised its signal, over all processes.
 * @param failure what this process failed with: it takes part all the same, so that no other waits for it.
 * @throws `failure`, or VggError `VGG_STATE` when another process failed.
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
 * The sums over all processes as new tensors, in the order of `entries`, which must be the same on every process. A
 * process without a sum for an entry counts as zero.
 */
export async function reduceTensors(
  communicator: Communicator,
  entries: readonly NamedShape[],
  sums: ReadonlyMap<string, Tensor>,
): Promise<Map<string, Tensor>> {
  const reduced = new Map<string, Tensor>();
  for (const group of buckets(entries)) {
    const buffer = new Float32Array(group.reduce((total, entry) => total + elements(entry), 0));
    let offset = 0;
    for (const entry of group) {
      const sum = sums.get(entry.name);
      if (sum !== undefined) buffer.set((await sum.data()) as Float32Array, offset);
      offset += elements(entry);
    }
    await communicator.allReduceSum(buffer);
    offset = 0;
    for (const entry of group) {
      const values = buffer.slice(offset, offset + elements(entry));
      reduced.set(entry.name, tensor(values, [...entry.shape], 'float32'));
      offset += elements(entry);
    }
  }
  return reduced;
}
