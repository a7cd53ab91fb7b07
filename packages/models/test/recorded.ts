/** What PyTorch computed for narrow nets of every configuration (tools/fixtures/models.py), read back. */
import { readdirSync } from 'node:fs';
import { type RecordedTensor, readFixture } from '@vgg/testing';
import type { ResolvedVggOptions } from '../src/index';

const FOLDER = new URL('./fixtures/', import.meta.url);

export interface Recorded {
  options: ResolvedVggOptions;
  /** Stream of the images; the variables have the streams after it. */
  seed: number;
  amplitude: number;
  labels: number[];
  tensors: Map<string, RecordedTensor>;
}

/** The names of the recorded nets. */
export const RECORDED_NETS = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => file.replace('.safetensors', ''))
  .filter((name) => name !== 'local-response-norm');

export function readRecorded(name: string): Recorded {
  const { description, tensors } = readFixture<Omit<Recorded, 'tensors'>>(new URL(`${name}.safetensors`, FOLDER));
  return { ...description, tensors };
}
