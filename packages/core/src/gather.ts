/** Values and failures that the processes of a job exchange in addition to sums. */
import type { Communicator } from './communicator';
import { VggError } from './errors';

/** Returns the value of every rank, in the order of ranks. Values are sent as JSON. */
export async function gather<T>(communicator: Communicator, value: T): Promise<T[]> {
  const all = await communicator.allGather(new TextEncoder().encode(JSON.stringify(value)));
  return all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T);
}

/** Outcome of one rank of what all ranks do: the error that it failed with, if it did. */
export interface Outcome {
  host: string;
  failure?: string | undefined;
}

/** Returns the outcome of this rank. */
export function outcomeOf({ host }: Communicator, failure: unknown): Outcome {
  const message = failure instanceof Error ? failure.message : String(failure);
  return { host, failure: failure === undefined ? undefined : message };
}

/**
 * Throws if a rank has failed: on that rank its own error, on the others one that names it.
 *
 * @throws `failure`, or VggError `VGG_STATE`.
 */
export function throwFailure(outcomes: readonly Outcome[], failure: unknown): void {
  if (failure !== undefined) throw failure;
  const rank = outcomes.findIndex((outcome) => outcome.failure !== undefined);
  if (rank < 0) return;
  const { host, failure: message } = outcomes[rank]!;
  throw new VggError('state', `rank ${rank} (${host}) failed: ${message}`, { details: { rank } });
}
