/** The processors and GPUs of a machine on which several processes of one job run. */
import { readdirSync } from 'node:fs';
import type { Communicator } from '@vgg/core';

/** Returns the number of NVIDIA GPUs of this machine. */
function gpuCount(): number {
  try {
    return readdirSync('/proc/driver/nvidia/gpus').length;
  } catch {
    return 0;
  }
}

/**
 * Divides the processors and GPUs of this machine among the processes of a job on it, by environment variables that the user has
 * not set. It must run before an engine starts.
 */
export async function shareMachine({
  localRank,
  localSize,
}: Pick<Communicator, 'localRank' | 'localSize'>): Promise<void> {
  if (localSize === 1) return;
  const gpus = gpuCount();
  if (gpus > 0) process.env.CUDA_VISIBLE_DEVICES ??= String(localRank % gpus);
  // Not importable where its addon is not built.
  const onednn = await import('@vgg/backend-onednn').catch(() => undefined);
  if (onednn === undefined) return;
  process.env.VGG_ONEDNN_THREADS ??= String(Math.max(1, Math.floor(onednn.physicalCores() / localSize)));
}
