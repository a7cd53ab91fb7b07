/**
 * Kernels for training that no other backend of TF.js has. Packages that train call them if the current backend
 * registers them (`getKernel`), and otherwise compose the same from TF.js's operations, so that they do not depend on
 * this backend.
 *
 * | kernel | inputs | attributes | outputs |
 * | --- | --- | --- | --- |
 * | ChannelMoments | x [..., channels] | | mean, biased variance |
 * | ChannelNormGrad | x, dy, mean, variance, scale, offset | varianceEpsilon, relu, ofBatch | gradients of x, scale, offset |
 * | AddressedDropout | x | rate, key [2], start | x, each number dropped with probability rate, else times 1 / (1 - rate) |
 * | MomentumSgd | weights, gradient, optionally velocity | a, b, m, c | weights + c·v, v = a·gradient + b·weights + m·velocity |
 * | LendNumbers | x | take | x, whose numbers are lent |
 *
 * MomentumSgd takes over its inputs: if no other tensor shares their memory, weights and velocity are changed in place,
 * in one pass over memory. Each product and sum is rounded to float32 in the order written. A term whose factor is 0 is
 * left out. If the gradient could not be computed, both keep their numbers.
 *
 * LendNumbers takes over its input and passes a promise of `{ numbers, release() }` to `take`: the output's own memory, a
 * Float32Array, once it is computed. Another thread may read and write the numbers until `release` is called, which leaves the array
 * empty; until then no operation may use the output. The memory stays valid if the output is disposed before.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeOf } from '@vgg/core';
import type { OnednnBackend } from '../backend';
import type { Device } from '../device';
import { areWhole, isFloat, type KernelCall, type KernelTable } from './kernel';

function floats(inputs: Record<string, TensorInfo | undefined>, ...names: string[]): TensorInfo[] | undefined {
  const infos = names.map((name) => inputs[name]);
  return infos.every(isFloat) ? infos : undefined;
}

function channelMoments({ inputs, backend }: KernelCall): TensorInfo[] | undefined {
  const { x } = inputs;
  if (!isFloat(x) || x.shape.length === 0) return undefined;
  const shape = [x.shape.at(-1)!];
  const outputs = [0, 1].map(() => ({ buffer: backend.device.reserve(), shape, dtype: 'float32' as const }));
  backend.device.submit('ChannelMoments', [backend.operand(x)], outputs, []);
  return outputs.map(({ buffer }) => backend.wrap(buffer, shape, 'float32'));
}

function channelNormGrad({ inputs, attrs, backend }: KernelCall): TensorInfo[] | undefined {
  const infos = floats(inputs, 'x', 'dy', 'mean', 'variance', 'scale', 'offset');
  if (infos === undefined) return undefined;
  const { varianceEpsilon, relu, ofBatch } = attrs as { varianceEpsilon: number; relu: boolean; ofBatch: boolean };
  const [x, dy, ...perChannel] = infos;
  const { shape } = x!;
  if (shape.length === 0 || sizeOf(dy!.shape) !== sizeOf(shape)) return undefined;
  if (!perChannel.every((info) => sizeOf(info.shape) === shape.at(-1))) return undefined;
  const outputs = [shape, [shape.at(-1)!], [shape.at(-1)!]].map((outputShape) => ({
    buffer: backend.device.reserve(),
    shape: outputShape,
    dtype: 'float32' as const,
  }));
  const operands = infos.map((info) => backend.operand(info));
  backend.device.submit('ChannelNormGrad', operands, outputs, [varianceEpsilon, relu ? 1 : 0, ofBatch ? 1 : 0]);
  return outputs.map((output) => backend.wrap(output.buffer, output.shape, 'float32'));
}

function addressedDropout({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const { rate, key, start } = attrs as { rate: number; key: [number, number]; start: number };
  if (!areWhole([...key, start])) return undefined;
  return backend.run('AddressedDropout', [backend.operand(x)], { shape: x.shape }, [rate, ...key, start]);
}

/** Returns a tensor that may be changed in place: the tensor itself, or a copy if others share its memory. */
function ownMemory(backend: OnednnBackend, info: TensorInfo): TensorInfo {
  const record = backend.record(info);
  const alone = record.refCount === 1;
  // Deferred operations hold the memory, too.
  if (alone && !(record.hasNative && record.buffer.shared)) return backend.alias(info, info.shape);
  const copy = backend.run('StridedCopy', [backend.operand(info)], { shape: info.shape }, [0, sizeOf(info.shape), 1]);
  if (!alone) return copy;
  record.replaceBuffer(backend.record(copy).buffer.retain());
  backend.disposeIntermediateTensorInfo(copy);
  return backend.alias(info, info.shape);
}

function momentumSgd({ inputs, attrs, backend }: KernelCall): TensorInfo[] | undefined {
  const { weights, gradient, velocity } = inputs;
  const { a, b, m, c } = attrs as Record<'a' | 'b' | 'm' | 'c', number>;
  if (!isFloat(weights) || !isFloat(gradient) || sizeOf(gradient.shape) !== sizeOf(weights.shape)) return undefined;
  if (isFloat(velocity) && sizeOf(velocity.shape) !== sizeOf(weights.shape)) return undefined;
  const { shape } = weights;
  const w = ownMemory(backend, weights);
  // A first step that fails leaves the velocity at 0.
  const v = isFloat(velocity) ? ownMemory(backend, velocity) : backend.run('Fill', [], { shape }, [0]);
  const outputs = [w, v].map((info) => ({ ...backend.operand(info, shape), dtype: 'float32' as const }));
  backend.device.submit('MomentumSgd', [backend.operand(gradient, shape)], outputs, [a, b, velocity ? m : 0, c]);
  for (const info of [w, v]) backend.record(info).forgetDerived();
  return [w, v];
}

function lendNumbers({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const own = ownMemory(backend, x);
  const record = backend.record(own);
  const { buffer } = record;
  record.forgetDerived();
  (attrs as { take: (lent: ReturnType<Device['lend']>) => void }).take(backend.device.lend(buffer));
  return own;
}

export const trainingKernels: KernelTable = {
  ChannelMoments: channelMoments,
  ChannelNormGrad: channelNormGrad,
  AddressedDropout: addressedDropout,
  MomentumSgd: momentumSgd,
  LendNumbers: lendNumbers,
};
