/** Element-wise kernels of one and two inputs (native/kernels/unary.cc, binary.cc, cast.cc). */
import { backend_util, engine, type TensorInfo } from '@tensorflow/tfjs-core';
import type { OnednnBackend } from '../backend';
import type { NativeType } from '../native';
import { DeferredOperation, DeferredPoolGradient, DeferredRelu, DeferredStep } from './deferred';
import { isFloat, isNumeric, type KernelCall, type KernelTable, type NativeKernel, sameShape } from './kernel';

function unary(kernel: string, attributes: (attrs: Record<string, unknown>) => number[] = () => []): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const { x } = inputs;
    if (!isFloat(x)) return undefined;
    return backend.run(kernel, [backend.operand(x)], { shape: x.shape }, attributes(attrs));
  };
}

function relu({ inputs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const { deferred } = backend.record(x);
  if (
    deferred instanceof DeferredOperation &&
    deferred.plan.kernel === 'Conv2D' &&
    engine().state.gradientDepth === 0
  ) {
    return backend.defer(new DeferredRelu(deferred.retain()), x.shape);
  }
  if (deferred instanceof DeferredOperation) return backend.wrap(deferred.rectify(), x.shape, 'float32');
  return backend.run('Relu', [backend.operand(x)], { shape: x.shape });
}

function step({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const { alpha = 0 } = attrs as { alpha?: number };
  if (alpha !== 0) return backend.run('Step', [backend.operand(x)], { shape: x.shape }, [alpha]);
  const { deferred } = backend.record(x);
  const reluOutput = deferred instanceof DeferredOperation ? deferred.reluOutput : undefined;
  const operand = reluOutput === undefined ? backend.operand(x) : { buffer: reluOutput, shape: x.shape };
  return backend.defer(new DeferredStep(backend, operand), x.shape);
}

/** Returns the convolution `a` with the bias `b`, or undefined if `a + b` is not of this form. */
function withBias(a: TensorInfo, b: TensorInfo, backend: OnednnBackend): DeferredOperation | undefined {
  const { deferred } = backend.record(a);
  if (!(deferred instanceof DeferredOperation) || !deferred.plan.takesBias) return undefined;
  // To read the bias would run the convolution and release its operands.
  if (backend.record(b) === backend.record(a)) return undefined;
  // A reshaped tensor may have other channels than the convolution's output.
  const fits = b.shape.length === 1 && [a.shape, deferred.plan.shape].every((shape) => shape.at(-1) === b.shape[0]);
  return fits ? deferred.withBias(backend.operand(b)) : undefined;
}

function binary(kernel: string, dtype: NativeType = 'float32'): NativeKernel {
  return ({ inputs, backend }) => {
    const { a, b } = inputs;
    const fits = dtype === 'bool' ? isNumeric(a) && isNumeric(b) && a.dtype === b.dtype : isFloat(a) && isFloat(b);
    if (!fits) return undefined;
    const shape = backend_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
    return backend.run(kernel, [backend.operand(a!), backend.operand(b!)], { shape, dtype });
  };
}

const plainAdd = binary('Add');
const plainMultiply = binary('Multiply');

function add(call: KernelCall) {
  const { a, b } = call.inputs;
  if (isFloat(a) && isFloat(b)) {
    const convolution = withBias(a, b, call.backend);
    if (convolution !== undefined) return call.backend.defer(convolution, a.shape);
    const other = withBias(b, a, call.backend);
    if (other !== undefined) return call.backend.defer(other, b.shape);
  }
  return plainAdd(call);
}

/** Computes dy · step(y) in one pass. Where step is 0 the result is 0, even for an infinite dy. */
function applyMask(mask: TensorInfo, dy: TensorInfo, backend: OnednnBackend): TensorInfo | undefined {
  const { deferred } = backend.record(mask);
  // To read dy would compute a mask of the same record and release its operand.
  const sameRecord = backend.record(mask) === backend.record(dy);
  if (!(deferred instanceof DeferredStep) || sameRecord || !sameShape(mask, dy)) return undefined;
  const source = backend.record(dy).deferred;
  if (source instanceof DeferredPoolGradient && source.pools(deferred.operand)) {
    return backend.wrap(source.masked(), dy.shape, 'float32');
  }
  return backend.run('ReluGrad', [backend.operand(dy), deferred.operand], { shape: dy.shape });
}

function multiply(call: KernelCall) {
  const { a, b } = call.inputs;
  if (isFloat(a) && isFloat(b)) {
    const result = applyMask(b, a, call.backend) ?? applyMask(a, b, call.backend);
    if (result !== undefined) return result;
  }
  return plainMultiply(call);
}

function addN({ inputs, backend }: KernelCall): TensorInfo | undefined {
  const terms = Object.values(inputs);
  const first = terms[0];
  if (!isFloat(first) || !terms.every((term) => isFloat(term) && sameShape(term, first))) return undefined;
  return (terms as TensorInfo[]).reduce((sum, term, i) => {
    if (i === 0) return backend.alias(term, term.shape);
    const next = backend.run('Add', [backend.operand(sum), backend.operand(term)], { shape: term.shape });
    backend.disposeIntermediateTensorInfo(sum);
    return next;
  }, first as TensorInfo);
}

function cast({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  const { dtype } = attrs as { dtype: string };
  if (!isNumeric(x)) return undefined;
  if (x.dtype === dtype) return backend.alias(x, x.shape);
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') return undefined;
  return backend.run('Cast', [backend.operand(x)], { shape: x.shape, dtype });
}

function select({ inputs, backend }: KernelCall): TensorInfo | undefined {
  const { condition, t, e } = inputs;
  const fits = isNumeric(condition) && condition.dtype === 'bool' && isFloat(t) && isFloat(e);
  if (!fits || !sameShape(condition, t) || !sameShape(t, e)) return undefined;
  const operands = [backend.operand(condition), backend.operand(t), backend.operand(e)];
  return backend.run('Select', operands, { shape: t.shape });
}

const numbers =
  (...names: string[]) =>
  (attrs: Record<string, unknown>) =>
    names.map((name) => Number(attrs[name]));

const UNARY = 'Relu6 Neg Abs Square Sqrt Rsqrt Reciprocal Exp Log Sigmoid Tanh Floor Ceil'.split(' ');
const ARITHMETIC = 'Sub RealDiv SquaredDifference Maximum Minimum Pow'.split(' ');
const COMPARISONS = 'Equal NotEqual Greater GreaterEqual Less LessEqual'.split(' ');

export const elementwiseKernels: KernelTable = {
  ...Object.fromEntries(UNARY.map((name) => [name, unary(name)])),
  ...Object.fromEntries(ARITHMETIC.map((name) => [name, binary(name)])),
  ...Object.fromEntries(COMPARISONS.map((name) => [name, binary(name, 'bool')])),
  LeakyRelu: unary('LeakyRelu', numbers('alpha')),
  ClipByValue: unary('ClipByValue', numbers('clipValueMin', 'clipValueMax')),
  Relu: relu,
  Step: step,
  Add: add,
  AddN: addN,
  Multiply: multiply,
  Cast: cast,
  Select: select,
};
