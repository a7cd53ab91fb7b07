/** Element-wise kernels of one and two float32 inputs. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { Operand, VggWebgpuBackend } from '../backend';
import type { Mode } from '../wgsl/flat';
import { runFlat } from './flat';
import { isFloat, type KernelCall, type KernelTable, type OwnKernel, sizeOf, staysOnCpu } from './kernel';

/** Comparisons with NaN are false, so that it passes. */
const UNARY: Readonly<Record<string, string>> = {
  Relu: 'let r0 = select(v0, V(0), v0 < V(0));',
  Neg: 'let r0 = -v0;',
  Abs: 'let r0 = abs(v0);',
  Sqrt: 'let r0 = sqrt(v0);',
};

/** Put off until they are read: a product or a sum takes them in, in its own pass. */
const DEFERRED: Readonly<Record<string, string>> = {
  Step: 'let r0 = select(v0, V(1), v0 > V(0)) * select(V(1), V(0), v0 <= V(0));',
  Square: 'let r0 = v0 * v0;',
};

const BINARY: Readonly<Record<string, string>> = {
  Add: 'let r0 = v0 + v1;',
  Sub: 'let r0 = v0 - v1;',
  Multiply: 'let r0 = v0 * v1;',
  RealDiv: 'let r0 = v0 / v1;',
  SquaredDifference: 'let r0 = (v0 - v1) * (v0 - v1);',
};

export function runUnary(backend: VggWebgpuBackend, name: string, x: Operand, y: Operand): void {
  runFlat(backend, { name, inputs: [{ operand: x }], outputs: [y], body: (UNARY[name] ?? DEFERRED[name])! });
}

function unary(name: string): OwnKernel {
  return ({ inputs, backend }) => {
    const { x } = inputs;
    if (!isFloat(x) || staysOnCpu(backend, [x])) return undefined;
    const operand = backend.operand(x);
    const y = backend.output(x.shape, operand.half);
    runUnary(backend, name, operand, backend.operand(y));
    return y;
  };
}

function deferred(name: 'Step' | 'Square'): OwnKernel {
  return ({ inputs, attrs, backend }) => {
    const { x } = inputs;
    const { alpha = 0 } = attrs as { alpha?: number };
    if (!isFloat(x) || (alpha !== 0 && name === 'Step') || staysOnCpu(backend, [x])) return undefined;
    return backend.defer(name, x);
  };
}

/** Returns the mode in which `b` is read with the larger `a`; undefined if it does not repeat along the leading axes. */
function modeOf(a: readonly number[], b: readonly number[]): Mode | undefined {
  if (sizeOf({ shape: b }) === 1 && b.length <= a.length) return 'scalar';
  const inner = b.slice(b.findIndex((size) => size !== 1));
  if (b.length > a.length) return undefined;
  const isSuffix = inner.every((size, i) => size === a[a.length - inner.length + i]);
  if (!isSuffix) return undefined;
  return inner.length === a.length || sizeOf({ shape: inner }) === sizeOf({ shape: a }) ? 'each' : 'channel';
}

function binary(name: string): OwnKernel {
  return ({ inputs, backend }) => {
    const { a, b } = inputs;
    if (!isFloat(a) || !isFloat(b) || staysOnCpu(backend, [a, b])) return undefined;
    const [modeA, modeB] = [modeOf(b.shape, a.shape), modeOf(a.shape, b.shape)];
    const larger = modeB !== undefined ? a : b;
    if (modeA === undefined && modeB === undefined) return undefined;
    const [x, y] = [backend.operand(a), backend.operand(b)];
    const isHalf = (larger === a ? x : y).half;
    const output = backend.output(larger.shape, isHalf);
    runFlat(backend, {
      name,
      inputs: [
        { operand: x, mode: larger === a ? 'each' : modeA! },
        { operand: y, mode: larger === a ? modeB! : 'each' },
      ],
      outputs: [backend.operand(output)],
      channels: larger === a ? (modeB === 'channel' ? sizeOf(b) : 1) : modeA === 'channel' ? sizeOf(a) : 1,
      body: BINARY[name]!,
    });
    return output;
  };
}

/** dy where x > 0: the gradient of a ReLU with that input or output, in one pass. */
function masked(backend: VggWebgpuBackend, dy: TensorInfo, mask: TensorInfo): TensorInfo | undefined {
  const source = backend.deferredSource(mask, 'Step');
  if (source === undefined || sizeOf(dy) !== sizeOf(mask)) return undefined;
  const [from, x] = [backend.operand(dy), backend.operand(source)];
  const output = backend.output(mask.shape, from.half);
  runFlat(backend, {
    name: 'ReluGrad',
    inputs: [{ operand: from }, { operand: x }],
    outputs: [backend.operand(output)],
    body: 'let r0 = select(v0, V(0), v1 <= V(0));',
  });
  return output;
}

const product = binary('Multiply');

function multiply(call: KernelCall): TensorInfo | TensorInfo[] | undefined {
  const { a, b } = call.inputs;
  if (isFloat(a) && isFloat(b)) {
    const result = masked(call.backend, a, b) ?? masked(call.backend, b, a);
    if (result !== undefined) return result;
  }
  return product(call);
}

/** Terms of one pass: a device binds at least 8 buffers. */
const TERMS = 7;

function addN({ inputs, backend }: KernelCall): TensorInfo | undefined {
  const terms = Object.values(inputs) as TensorInfo[];
  const shape = terms[0]?.shape.join();
  if (!terms.every((term) => isFloat(term) && term.shape.join() === shape)) return undefined;
  let sum: TensorInfo | undefined;
  for (let from = 0; from < terms.length; ) {
    const room = TERMS - (sum === undefined ? 0 : 1);
    const some = terms.slice(from, from + room);
    const of: TensorInfo[] = sum === undefined ? some : [sum, ...some];
    const output = backend.output(terms[0]!.shape);
    runFlat(backend, {
      name: `AddN${of.length}`,
      inputs: of.map((info) => ({ operand: backend.operand(info) })),
      outputs: [backend.operand(output)],
      body: `let r0 = ${of.map((_, i) => `v${i}`).join(' + ')};`,
    });
    if (sum !== undefined) backend.disposeData(sum.dataId);
    sum = output;
    from += some.length;
  }
  return sum;
}

export const elementwiseKernels: KernelTable = {
  ...Object.fromEntries(Object.keys(UNARY).map((name) => [name, unary(name)])),
  ...Object.fromEntries(Object.keys(BINARY).map((name) => [name, binary(name)])),
  Step: deferred('Step'),
  Square: deferred('Square'),
  Multiply: multiply,
  AddN: addN,
};
