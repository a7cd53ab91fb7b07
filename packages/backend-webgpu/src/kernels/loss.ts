/** Kernels at the end of a training step: the loss, and the norm of the gradients (the table in src/kernels/training.ts). */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { Operand, VggWebgpuBackend } from '../backend';
import { crossEntropyShader } from '../wgsl/cross-entropy';
import { squaresShader } from '../wgsl/squares';
import { GROUP } from '../wgsl/total';
import { runColumnSums } from './columns';
import { uniformWords } from './flat';
import { folded } from './gemm';
import { isFloat, type KernelCall, type KernelTable } from './kernel';
import { rangeOf } from './ranges';

const storageOf = ({ half }: Operand) => (half ? 'f16' : 'f32');

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

/** Largest number of workgroups for a tensor, and numbers or vectors of each of their threads from which on there are several. */
const MOST_GROUPS = 256;
/** Workgroups on a CPU, which takes turns between the threads of one at each step of its sum. */
const FEW_GROUPS = 8;
const PER_THREAD = 16;

interface Part {
  operand: Operand;
  from: number;
  count: number;
  groups: number;
  vector: boolean;
}

/** Divides a tensor into parts that the device binds. */
function partsOf(backend: VggWebgpuBackend, operand: Operand): Part[] {
  const most = Math.floor(backend.bindingLimit / 4 / GROUP) * GROUP;
  const parts: Part[] = [];
  for (let from = 0; from < operand.count; from += most) {
    const count = Math.min(most, operand.count - from);
    const vector = count % 4 === 0;
    const reads = vector ? count / 4 : count;
    const groups = Math.min(backend.software ? FEW_GROUPS : MOST_GROUPS, Math.ceil(reads / (GROUP * PER_THREAD)));
    parts.push({ operand, from, count, groups, vector });
  }
  return parts;
}

function sumOfSquares({ inputs, backend }: KernelCall): TensorInfo | undefined {
  const tensors = Object.values(inputs) as TensorInfo[];
  if (!tensors.every((info) => isFloat(info))) return undefined;
  const parts = tensors.flatMap((info) => partsOf(backend, backend.operand(info)));
  const total = parts.reduce((sum, { groups }) => sum + groups, 0);
  const sums = backend.scratch(total);
  let base = 0;
  for (const { operand, from, count, groups, vector } of parts) {
    const shader = { storage: storageOf(operand), vector } as const;
    const whole = count === operand.count;
    backend.runner.run({
      program: backend.runner.program('SumOfSquares', `${shader.storage} ${vector}`, () => squaresShader(shader)),
      bindings: [{ buffer: sums }, whole ? { buffer: operand.buffer } : rangeOf(operand, from, count)],
      uniforms: uniformWords([vector ? count / 4 : count, base]),
      groups: [groups, 1, 1],
      label: () => `SumOfSquares of [${operand.shape}]`,
    });
    base += groups;
  }
  return sumOf(backend, sums, total);
}

export const lossKernels: KernelTable = { SoftmaxCrossEntropy: softmaxCrossEntropy, SumOfSquares: sumOfSquares };
