/** Runs the search for a tensor's scale, once until its numbers change. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { VggWebgpuBackend } from '../backend';
import type { Binding } from '../runner';
import { largestShader, scaleShader } from '../wgsl/scale';
import { uniformWords } from './flat';
import { partsOf } from './parts';

/** The scale of a float32 tensor and its reciprocal, two numbers on the GPU. */
export function scaleOf(backend: VggWebgpuBackend, info: TensorInfo): Binding {
  const operand = backend.operand(info);
  const record = backend.record(info);
  if (record.scale !== undefined) return { buffer: record.scale };
  const label = () => `Scale of [${info.shape}]`;
  const parts = partsOf(backend, operand);
  const total = parts.reduce((sum, { groups }) => sum + groups, 0);
  const largest = backend.scratch(total);
  let base = 0;
  for (const { binding, count, groups, vector } of parts) {
    backend.runner.run({
      program: backend.runner.program('Largest', `${vector}`, () => largestShader({ vector })),
      bindings: [{ buffer: largest }, binding],
      uniforms: uniformWords([vector ? count / 4 : count, base]),
      groups: [groups, 1, 1],
      label,
    });
    base += groups;
  }
  const buffer = backend.scratch(2);
  backend.runner.run({
    program: backend.runner.program('Scale', '', () => scaleShader),
    bindings: [{ buffer }, { buffer: largest }],
    uniforms: uniformWords([total]),
    groups: [1, 1, 1],
    label,
  });
  backend.release(largest);
  record.scale = buffer;
  return { buffer };
}
