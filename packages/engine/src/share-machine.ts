/** The processors and GPUs of a machine on which several processes of one job run. */
import { readdirSync } from 'node:fs';
import type { Communicator } from '@vgg/core';

/** Returns the numbers of this machine's NVIDIA GPUs. */
function gpuNumbers(): string[] {
  try {
    return readdirSync('/proc/driver/nvidia/gpus').map((_, i) => String(i));
  } catch {
    return [];
  }
}

/**
 * Returns CUDA_VISIBLE_DEVICES of a process: one GPU of those that are given, or else of all, in turn by its number on the machine.
 *
 * @param given value of the variable so far: a user or Slurm may give all processes of a machine the same list.
 */
export function visibleGpu(
  localRank: number,
  given: string | undefined,
  all: readonly string[] = gpuNumbers(),
): string | undefined {
  const gpus = given?.split(',') ?? all;
  return gpus[localRank % gpus.length];
}

/**
 * Divides the processors and NVIDIA GPUs of this machine among the processes of a job on it, by environment variables. Threads that
 * the user has set stay. It must run before an engine starts.
 */
export async function shareMachine({
  localRank,
  localSize,
}: Pick<Communicator, 'localRank' | 'localSize'>): Promise<void> {
  if (localSize === 1) return;
  const gpu = visibleGpu(localRank, process.env.CUDA_VISIBLE_DEVICES);
  if (gpu !== undefined) process.env.CUDA_VISIBLE_DEVICES = gpu;
  // Not importable where its addon is not built.
  const onednn = await import('@vgg/backend-onednn').catch(() => undefined);
  if (onednn === undefined) return;
  process.env.VGG_ONEDNN_THREADS ??= String(Math.max(1, Math.floor(onednn.physicalCores() / localSize)));
}
