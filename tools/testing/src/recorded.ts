/**
 * Recorded fixtures: numbers of an independent implementation, in small safetensors files that tools/fixtures writes.
 */
import { readFileSync } from 'node:fs';

export interface RecordedTensor {
  shape: number[];
  values: Float32Array;
}

/** Reads a fixture: its float32 tensors by name, and its description. */
export function readFixture<T>(file: URL): { description: T; tensors: Map<string, RecordedTensor> } {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(bytes.toString('utf8', 8, start));
  const tensors = new Map<string, RecordedTensor>();
  for (const [name, { shape, data_offsets }] of Object.entries<{ shape: number[]; data_offsets: [number, number] }>(
    entries,
  )) {
    const data = bytes.subarray(start + data_offsets[0], start + data_offsets[1]);
    tensors.set(name, { shape, values: new Float32Array(Uint8Array.from(data).buffer) });
  }
  return { description: JSON.parse(__metadata__.fixture), tensors };
}
