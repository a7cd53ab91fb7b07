/** FusedBatchNorm, LRNGrad, and kernels of batch norm that TF.js does not have (the table in src/kernels/training.ts). */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { runColumnSums } from './columns';
import { runFlat } from './flat';
import { isFloat, type KernelCall, type KernelTable, sizeOf } from './kernel';

const perChannel = (info: TensorInfo | undefined | null, channels: number) =>
  isFloat(info) && sizeOf(info) === channels;

function batchNorm({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, mean, variance, scale, offset } = inputs;
  if (!isFloat(x)) return undefined;
  const channels = x.shape.at(-1)!;
  const all = [mean, variance, scale, offset];
  if (!all.every((info) => perChannel(info, channels))) return undefined;
  const { varianceEpsilon } = attrs as { varianceEpsilon?: number };
  const from = backend.operand(x);
  const output = backend.output(x.shape, from.half);
  runFlat(backend, {
    name: 'FusedBatchNorm',
    inputs: [
      { operand: from },
      ...all.map((info) => ({ operand: backend.operand(info as TensorInfo), mode: 'channel' as const })),
    ],
    outputs: [backend.operand(output)],
    channels,
    uniforms: { 'epsilon: f32': varianceEpsilon ?? 0.001 },
    body: 'let r0 = (v0 - v1) * (v3 / sqrt(v2 + V(u.epsilon))) + v4;',
  });
  return output;
}

function channelMoments({ inputs, backend }: KernelCall): TensorInfo[] | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const columns = x.shape.at(-1)!;
  const rows = sizeOf(x) / columns;
  const operand = backend.operand(x);
  const uniforms = { 'share: f32': 1 / rows };
  const [mean, variance] = [backend.output([columns]), backend.output([columns])];
  const [centre, spread] = [backend.operand(mean), backend.operand(variance)];
  const scratch = { ...centre, buffer: backend.scratch(columns) };
  const scaled = (to: typeof centre) =>
    runFlat(backend, {
      name: 'Scale',
      inputs: [{ operand: scratch }],
      outputs: [to],
      uniforms,
      body: 'let r0 = v0 * V(u.share);',
    });
  const sums = { rows, columns, outputs: [scratch.buffer] };
  runColumnSums(backend, { ...sums, name: 'Sum', inputs: [{ operand }], body: 'let r0 = v0;' });
  scaled(centre);
  const inputsOf = [{ operand }, { operand: centre, mode: 'channel' as const }];
  runColumnSums(backend, { ...sums, name: 'Deviations', inputs: inputsOf, body: 'let d = v0 - v1; let r0 = d * d;' });
  scaled(spread);
  backend.release(scratch.buffer);
  return [mean, variance];
}

/** WGSL of the gradient dy before a ReLU: x - mean is d, 1 / deviation is s. */
const BEFORE_RELU = `let d = v0 - v2;
  let s = V(1) / sqrt(v3 + V(u.epsilon));
  let g = select(v1, V(0), (V(u.relu) > V(0)) & (d * s * v4 + v5 <= V(0)));`;

function channelNormGrad({ inputs, attrs, backend }: KernelCall): TensorInfo[] | undefined {
  const names = ['x', 'dy', 'mean', 'variance', 'scale', 'offset'];
  const given = names.map((name) => inputs[name]);
  if (!given.every((info) => isFloat(info))) return undefined;
  const [x] = given as TensorInfo[];
  const { varianceEpsilon, relu, ofBatch } = attrs as { varianceEpsilon: number; relu: boolean; ofBatch: boolean };
  const columns = x!.shape.at(-1)!;
  const rows = sizeOf(x!) / columns;
  const uniforms = { 'epsilon: f32': varianceEpsilon, 'relu: f32': relu ? 1 : 0 };
  const all = (given as TensorInfo[]).map((info, i) => ({
    operand: backend.operand(info),
    mode: i < 2 ? ('each' as const) : ('channel' as const),
  }));
  const [dScale, dOffset] = [backend.output([columns]), backend.output([columns])];
  const [ofScale, ofOffset] = [backend.operand(dScale), backend.operand(dOffset)];
  runColumnSums(backend, {
    name: 'ChannelNormSums',
    inputs: all,
    rows,
    columns,
    uniforms,
    outputs: [ofScale.buffer, ofOffset.buffer],
    body: `${BEFORE_RELU}\n  let r0 = g * d * s;\n  let r1 = g;`,
  });
  const dx = backend.output(x!.shape, all[1]!.operand.half);
  runFlat(backend, {
    name: 'ChannelNormGrad',
    inputs: [...all, { operand: ofScale, mode: 'channel' }, { operand: ofOffset, mode: 'channel' }],
    outputs: [backend.operand(dx)],
    channels: columns,
    // The sums over the batch, divided by its rows, pass through the statistics; 0 where those are constants.
    uniforms: { ...uniforms, 'share: f32': ofBatch ? 1 / rows : 0 },
    body: `${BEFORE_RELU}\n  let r0 = v4 * s * (g - V(u.share) * (v7 + d * s * v6));`,
  });
  return [dx, dScale, dOffset];
}

/**
 * y = x / n^β with n = bias + α · Σ x² over the channels within `radius`:
 * dx = dy / n^β - 2αβ · x · Σ over the same channels of dy · y / n.
 */
function lrnGrad({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, y, dy } = inputs;
  if (!isFloat(x) || !isFloat(y) || !isFloat(dy)) return undefined;
  const { depthRadius, bias, alpha, beta } = attrs as Record<string, number>;
  for (const { dataId } of [x, y, dy]) backend.uploadToGPU(dataId);
  const output = backend.output(x.shape);
  const uniforms = {
    'depth: i32': x.shape.at(-1)!,
    'radius: i32': depthRadius!,
    'bias: f32': bias!,
    'alpha: f32': alpha!,
    'beta: f32': beta!,
  };
  const operands = [x, y, dy].map((info) => ({ ...backend.operand(info), half: false }));
  backend.checkBindings('LRNGrad', [x.shape]);
  runFlat(backend, {
    name: 'LRNGrad',
    // Read at other places too, so that neither vectors nor ranges are possible.
    inputs: operands.map((operand) => ({ operand })),
    outputs: [backend.operand(output)],
    scalar: true,
    uniforms,
    functions: `fn sizeAt(base: i32, c: i32) -> f32 {
  var sum = 0.0;
  for (var k = max(0, c - u.radius); k <= min(u.depth - 1, c + u.radius); k++) { sum += x0[u32(base + k)] * x0[u32(base + k)]; }
  return u.bias + u.alpha * sum;
}`,
    body: `  let c = i32(i) % u.depth;
  let base = i32(i) - c;
  var sum = 0.0;
  for (var j = max(0, c - u.radius); j <= min(u.depth - 1, c + u.radius); j++) {
    sum += x2[u32(base + j)] * x1[u32(base + j)] / sizeAt(base, j);
  }
  let r0 = v2 * pow(sizeAt(base, c), -u.beta) - 2.0 * u.alpha * u.beta * v0 * sum;`,
  });
  return output;
}

export const normalisationKernels: KernelTable = {
  FusedBatchNorm: batchNorm,
  ChannelMoments: channelMoments,
  ChannelNormGrad: channelNormGrad,
  LRNGrad: lrnGrad,
};
