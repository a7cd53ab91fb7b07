/** Recorded results of PyTorch for narrow nets of every configuration (tools/fixtures/models.py). */
import { readdirSync } from 'node:fs';
import { type RecordedTensor, readFixture } from '@vgg/testing';
import type { ResolvedVggOptions } from '../src/index';

const FOLDER = new URL('./fixtures/', import.meta.url);

export interface Recorded {
  options: ResolvedVggOptions;
  /** Number of the images' stream; the variables have the next ones. */
  seed: number;
  amplitude: number;
  labels: number[];
  tensors: Map<string, RecordedTensor>;
}

/** Names of the recorded nets. */
export const RECORDED_NETS = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => file.replace('.safetensors', ''))
  .filter((name) => name !== 'local-response-norm');

export function readRecorded(name: string): Recorded {
  const { description, tensors } = readFixture<Omit<Recorded, 'tensors'>>(new URL(`${name}.safetensors`, FOLDER));
  return { ...description, tensors };
}
