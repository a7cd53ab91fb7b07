/**
 * Element-wise kernels on all threads: two tensors of one shape, or one with a scalar or with one value per channel. Other
 * shapes and types run on the stock kernels.
 *
 * ReluGrad is a kernel of our own, which no stock backend has: dy where the output y of a ReLU is above 0, else 0.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  Add,
  AddN,
  backend_util,
  Multiply,
  Relu,
  SquaredDifference,
  Step,
  type StepAttrs,
  Sub,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf } from '../heap';
import { partsFor, runParts } from '../module';
import { stockModule } from '../stock';
import { type Kernel, kernel } from './kernel';

/** Numbers of the operations, as in `assembly/elementwise.ts`. */
const ADD = 0;
const SUBTRACT = 1;
const SUBTRACT_FROM = 2;
const MULTIPLY = 3;
const SQUARED_DIFFERENCE = 4;
const RECTIFY = 5;
const STEP = 6;
const RELU_GRADIENT = 7;

/** Number of arithmetic operations that take the time of one element, which comes from memory. */
const OPERATIONS = 16;

/** Right side of an operation: an address of numbers that repeat after `columns` of them, or a scalar at address 0. */
interface Right {
  address: number;
  columns: number;
  scalar: number;
}

/** Computes an operation of `a` into `y`, which may be `a` itself. */
function run(backend: BackendWasm, operation: number, a: TensorInfo, right: Right, y: TensorInfo): TensorInfo {
  const count = util.sizeFromShape(y.shape);
  const parts = partsFor(backend, count * OPERATIONS, count === right.columns ? count : count / right.columns);
  const [from, to] = [addressOf(backend, a), addressOf(backend, y)];
  runParts(backend, 'elementwise', parts, [operation, from, right.address, right.scalar, to, count, right.columns]);
  return y;
}

/** Returns `b` as the right side for a tensor of `shape`, or undefined if its shape needs another way of broadcasting. */
function rightSide(backend: BackendWasm, shape: readonly number[], b: TensorInfo): Right | undefined {
  const [count, columns] = [util.sizeFromShape([...shape]), util.sizeFromShape(b.shape)];
  const address = addressOf(backend, b);
  if (columns === 1) {
    return { address: 0, columns: count, scalar: new Float32Array(stockModule(backend).HEAPU8.buffer, address, 1)[0]! };
  }
  const own = b.shape.slice(b.shape.findIndex((size) => size !== 1));
  const last = shape.slice(shape.length - own.length);
  return util.arraysEqual(own, last) ? { address, columns, scalar: 0 } : undefined;
}

/** Declares a kernel of two tensors; `reversed` is the operation with its sides exchanged. */
function binary(name: string, operation: number, reversed: number): Kernel {
  return kernel<{ a: TensorInfo; b: TensorInfo }, object>(name, ({ inputs: { a, b }, backend, stock }) => {
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return stock();
    const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const count = util.sizeFromShape(shape);
    const isLeft = util.sizeFromShape(a.shape) === count;
    const [whole, other] = isLeft ? [a, b] : [b, a];
    if (count === 0 || util.sizeFromShape(whole.shape) !== count) return stock();
    const right = rightSide(backend, shape, other);
    if (right === undefined) return stock();
    return run(backend, isLeft ? operation : reversed, whole, right, backend.makeOutput(shape, 'float32'));
  });
}

const unary = (name: string, operation: number, scalarOf: (attrs: object) => number) =>
  kernel<{ x: TensorInfo }, object>(name, ({ inputs: { x }, attrs, backend, stock }) => {
    const count = util.sizeFromShape(x.shape);
    if (x.dtype !== 'float32' || count === 0) return stock();
    const right = { address: 0, columns: count, scalar: scalarOf(attrs) };
    return run(backend, operation, x, right, backend.makeOutput(x.shape, 'float32'));
  });

const addN = kernel<TensorInfo[], object>(AddN, ({ inputs, backend, stock }) => {
  const [first, second, ...others] = inputs as TensorInfo[];
  const count = util.sizeFromShape(first!.shape);
  if (second === undefined || first!.dtype !== 'float32' || count === 0) return stock();
  const sideOf = (b: TensorInfo) => ({ address: addressOf(backend, b), columns: count, scalar: 0 });
  const sum = run(backend, ADD, first!, sideOf(second), backend.makeOutput(first!.shape, 'float32'));
  for (const other of others) run(backend, ADD, sum, sideOf(other), sum);
  return sum;
});

/** Name of our own kernel for the gradient of a ReLU. Inputs: dy, and the output y. */
export const RELU_GRAD = 'ReluGrad';

const reluGrad = kernel<{ dy: TensorInfo; y: TensorInfo }, object>(RELU_GRAD, ({ inputs: { dy, y }, backend }) => {
  const right = { address: addressOf(backend, y), columns: util.sizeFromShape(dy.shape), scalar: 0 };
  return run(backend, RELU_GRADIENT, dy, right, backend.makeOutput(dy.shape, 'float32'));
});

export const elementwise: readonly Kernel[] = [
  binary(Add, ADD, ADD),
  binary(Sub, SUBTRACT, SUBTRACT_FROM),
  binary(Multiply, MULTIPLY, MULTIPLY),
  binary(SquaredDifference, SQUARED_DIFFERENCE, SQUARED_DIFFERENCE),
  unary(Relu, RECTIFY, () => 0),
  unary(Step, STEP, (attrs) => (attrs as StepAttrs).alpha),
  addN,
  reluGrad,
];
