/** Kernels at the end of a training step: the loss, and the norm of the gradients (the table in src/kernels/training.ts). */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { VggWebgpuBackend } from '../backend';
import { crossEntropyShader } from '../wgsl/cross-entropy';
import { squaresShader } from '../wgsl/squares';
import { runColumnSums } from './columns';
import { uniformWords } from './flat';
import { folded } from './gemm';
import { isFloat, type KernelCall, type KernelTable } from './kernel';
import { partsOf } from './parts';
import { storageOf } from './ranges';

/** Adds up numbers of a scratch buffer, and releases it. */
function sumOf(backend: VggWebgpuBackend, buffer: GPUBuffer, count: number): TensorInfo {
  const output = backend.output([]);
  const operand = { buffer, half: false, shape: [count], count };
  const outputs = [backend.operand(output).buffer];
  runColumnSums(backend, {
    name: 'Sum',
    body: 'let r0 = v0;',
    inputs: [{ operand }],
    rows: count,
    columns: 1,
    outputs,
  });
  backend.release(buffer);
  return output;
}

function softmaxCrossEntropy({ inputs, attrs, backend }: KernelCall): TensorInfo[] | undefined {
  const { logits, targets } = inputs;
  if (!isFloat(logits) || !isFloat(targets) || logits.shape.join() !== targets.shape.join()) return undefined;
  const { scale } = attrs as { scale: number };
  const [rows, classes] = logits.shape as [number, number];
  backend.checkBindings('SoftmaxCrossEntropy', [logits.shape]);
  const x = backend.operand(logits);
  // The targets come from JavaScript, in float32.
  backend.uploadToGPU(targets.dataId);
  const gradient = backend.output(logits.shape);
  const losses = backend.scratch(rows);
  const buffers = [losses, backend.operand(gradient).buffer, x.buffer, backend.operand(targets).buffer];
  backend.runner.run({
    program: backend.runner.program('SoftmaxCrossEntropy', storageOf(x), () => crossEntropyShader(storageOf(x))),
    bindings: buffers.map((buffer) => ({ buffer })),
    uniforms: uniformWords([rows, classes], { 'scale: f32': scale }),
    groups: folded(rows),
    label: () => `SoftmaxCrossEntropy of [${logits.shape}]`,
  });
  return [sumOf(backend, losses, rows), gradient];
}

function sumOfSquares({ inputs, backend }: KernelCall): TensorInfo | undefined {
  const tensors = Object.values(inputs) as TensorInfo[];
  if (!tensors.every((info) => isFloat(info))) return undefined;
  const parts = tensors.flatMap((info) => {
    const operand = backend.operand(info);
    return partsOf(backend, operand).map((part) => ({ ...part, operand }));
  });
  const total = parts.reduce((sum, { groups }) => sum + groups, 0);
  const sums = backend.scratch(total);
  let base = 0;
  for (const { operand, binding, count, groups, vector } of parts) {
    const shader = { storage: storageOf(operand), vector } as const;
    backend.runner.run({
      program: backend.runner.program('SumOfSquares', `${shader.storage} ${vector}`, () => squaresShader(shader)),
      bindings: [{ buffer: sums }, binding],
      uniforms: uniformWords([vector ? count / 4 : count, base]),
      groups: [groups, 1, 1],
      label: () => `SumOfSquares of [${operand.shape}]`,
    });
    base += groups;
  }
  return sumOf(backend, sums, total);
}

export const lossKernels: KernelTable = { SoftmaxCrossEntropy: softmaxCrossEntropy, SumOfSquares: sumOfSquares };
