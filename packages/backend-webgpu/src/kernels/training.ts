/**
 * Kernels of our own for training, under names that no stock backend of TF.js has; packages that train look for them
 * (`getKernel`). Those of batch norm are in src/kernels/normalisation.ts, and the last two in src/kernels/loss.ts.
 *
 * | kernel | inputs | attributes | outputs |
 * | --- | --- | --- | --- |
 * | ChannelMoments | x [..., channels] | | mean, biased variance |
 * | ChannelNormGrad | x, dy, mean, variance, scale, offset | varianceEpsilon, relu, ofBatch | gradients of x, scale, offset |
 * | AddressedDropout | x | rate, key [2], start | x, each number dropped with that probability, others · 1 / (1 - rate) |
 * | MomentumSgd | weights, gradient, velocity if any | a, b, m, c | weights + c·v, v = a·gradient + b·weights + m·velocity |
 * | SoftmaxCrossEntropy | logits, targets [n, classes] | scale | scale · Σ targets · -log softmax(logits), and its gradient |
 * | SumOfSquares | any number of tensors | | sum of the squares of all their numbers |
 *
 * MomentumSgd takes over its inputs: weights and velocity that no other tensor shares are changed in place.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { VggWebgpuBackend } from '../backend';
import { runFlat } from './flat';
import { isFloat, type KernelCall, type KernelTable, sizeOf } from './kernel';

/** Threefry-2x32 with 20 rounds, as RandomStream of @vgg/core: the word of the stream at a place. */
const THREEFRY = `fn round(x: vec2<u32>, bits: u32) -> vec2<u32> {
  let sum = x.x + x.y;
  return vec2<u32>(sum, ((x.y << bits) | (x.y >> (32u - bits))) ^ sum);
}
fn four(x: vec2<u32>, odd: bool) -> vec2<u32> {
  if (odd) { return round(round(round(round(x, 17u), 29u), 16u), 24u); }
  return round(round(round(round(x, 13u), 15u), 26u), 6u);
}
fn word(i: u32) -> u32 {
  let low = u.startLow + i;
  let high = u.startHigh + select(0u, 1u, low < i);
  var keys = array<u32, 3>(u.key0, u.key1, 0x1bd11bdau ^ u.key0 ^ u.key1);
  var x = vec2<u32>((low >> 1) | (high << 31), high >> 1) + vec2<u32>(keys[0], keys[1]);
  for (var group = 0u; group < 5u; group++) {
    x = four(x, group % 2u == 1u) + vec2<u32>(keys[(group + 1u) % 3u], keys[(group + 2u) % 3u] + group + 1u);
  }
  return select(x.x, x.y, low % 2u == 1u);
}`;

function addressedDropout({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const { rate, key, start } = attrs as { rate: number; key: [number, number]; start: number };
  const from = backend.operand(x);
  const output = backend.output(x.shape, from.half);
  backend.checkBindings('AddressedDropout', [x.shape]);
  runFlat(backend, {
    name: 'AddressedDropout',
    inputs: [{ operand: from }],
    outputs: [backend.operand(output)],
    scalar: true,
    uniforms: {
      // A uniform number is a word's upper 24 bits: it is below the rate if they are below this.
      'limit: u32': Math.ceil(rate * 2 ** 24),
      'kept: f32': 1 / (1 - rate),
      'key0: u32': key[0] >>> 0,
      'key1: u32': key[1] >>> 0,
      'startLow: u32': start >>> 0,
      'startHigh: u32': Math.floor(start / 2 ** 32),
    },
    functions: THREEFRY,
    body: '  let r0 = v0 * select(u.kept, 0.0, (word(i) >> 8) < u.limit);',
  });
  return output;
}

/** The tensor itself, if no other shares its memory, else a copy: what may be changed in place. */
function ownMemory(backend: VggWebgpuBackend, info: TensorInfo): TensorInfo {
  const from = backend.operand(info);
  const record = backend.record(info);
  if (record.refCount === 1 && !from.half) {
    record.values = null;
    backend.forgetScale(record);
    return backend.alias(info, info.shape);
  }
  const copy = backend.output(info.shape);
  const to = backend.operand(copy);
  runFlat(backend, { name: 'Copy', inputs: [{ operand: from }], outputs: [to], body: 'let r0 = v0;' });
  return copy;
}

function momentumSgd({ inputs, attrs, backend }: KernelCall): TensorInfo[] | undefined {
  const { weights, gradient, velocity } = inputs;
  const { a, b, m, c } = attrs as Record<'a' | 'b' | 'm' | 'c', number>;
  if (!isFloat(weights) || !isFloat(gradient) || sizeOf(gradient) !== sizeOf(weights)) return undefined;
  const w = ownMemory(backend, weights);
  const isFirst = !isFloat(velocity);
  const v = isFirst ? backend.output(weights.shape) : ownMemory(backend, velocity);
  const [ofW, ofV] = [backend.operand(w), backend.operand(v)];
  runFlat(backend, {
    name: isFirst ? 'FirstMomentumSgd' : 'MomentumSgd',
    inputs: [{ operand: ofW }, { operand: ofV }, { operand: backend.operand(gradient) }],
    outputs: [ofW, ofV],
    inPlace: true,
    uniforms: { 'a: f32': a, 'b: f32': b, 'm: f32': m, 'c: f32': c },
    body: `  let r1 = V(u.a) * v2 + V(u.b) * v0${isFirst ? '' : ' + V(u.m) * v1'};
  let r0 = v0 + V(u.c) * r1;`,
  });
  return [w, v];
}

export const trainingKernels: KernelTable = { AddressedDropout: addressedDropout, MomentumSgd: momentumSgd };
