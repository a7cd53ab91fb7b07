/** Choice of the matrices that tensor cores multiply (WGSL's subgroup matrices), and the proof that they do. */
import type { OpenDevice } from './adapter';
import { chooseMatrixTile } from './kernels/gemm';
import { factor } from './kernels/mat-mul';
import type { Precision } from './options';
import { gemmShader } from './wgsl/gemm';
import type { MatrixUnit } from './wgsl/matrices';

/** The matrices in use, or a clause that says why there are none. */
export type TensorCores = { unit: MatrixUnit } | { reason: string };

interface Asked {
  precision: Precision;
  tensorCores?: boolean | undefined;
}

/** Matrices that Dawn says a device has; @webgpu/types does not have it yet. */
interface MatrixConfig {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}

const FEATURES = ['chromium-experimental-subgroup-matrix', 'shader-f16', 'subgroups'] as const;

/** Sides of the part of a tile that a subgroup computes are multiples of this number, as is the depth of a stage. */
const SIDE = 32;

/** Threads of a subgroup, where the device lets a shader choose: every vendor's matrices work with 32. */
const USUAL = 32;

/** The largest matrices of float16 that add up in float32, or why there are none. */
function chooseUnit({ device, info }: OpenDevice): TensorCores {
  if (!FEATURES.every((feature) => device.features.has(feature as GPUFeatureName))) {
    return { reason: 'the device has no subgroup matrices' };
  }
  const configs = (info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> }).subgroupMatrixConfigs ?? [];
  const [best] = [...configs]
    .filter((c) => c.componentType === 'f16' && c.resultComponentType === 'f32')
    .filter(({ M, N, K }) => [M, N, K].every((side) => side % 4 === 0 && SIDE % side === 0))
    .sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  if (best === undefined) return { reason: 'the device has no matrices of float16 that add up in float32' };
  const { subgroupMinSize: least = USUAL, subgroupMaxSize: most = USUAL } = info;
  // Apple's subgroups have 32 threads, whatever range is reported.
  const fixed = least !== most && info.vendor !== 'apple';
  if (fixed && !device.features.has('subgroup-size-control' as GPUFeatureName)) {
    return { reason: `its subgroups have ${least} to ${most} threads, and shaders cannot ask for one size` };
  }
  const subgroup = least === most ? most : Math.min(most, Math.max(least, USUAL));
  return { unit: { m: best.M, n: best.N, k: best.K, subgroup, fixed } };
}

/** Sizes of the product that proves them: several stages, and rows, columns and terms that fill no matrix. */
const [M, N, K] = [70, 52, 76];

/** Whole numbers from -4 to 4, whose sums of products float32 holds exactly. */
const wholeNumbers = (count: number, step: number) =>
  Float32Array.from({ length: count }, (_, i) => ((i * step) % 9) - 4);

/** Multiplies small matrices on the device. */
async function multiply(
  { device, software }: OpenDevice,
  unit: MatrixUnit,
  a: Float32Array,
  b: Float32Array,
): Promise<Float32Array> {
  const tile = chooseMatrixTile(unit, M, N, { limits: device.limits, software });
  const [fa, fb] = [factor('A', { half: false }, 'k', K), factor('B', { half: false }, 'own', N)];
  const gemm = { tile, a: fa, b: fb, vectorC: true, bias: false, relu: false, line: 'u.k', uniforms: [] };
  const module = device.createShaderModule({ code: gemmShader({ ...gemm, c: 'f32' }) });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const filled = (values: Float32Array | Uint32Array, usage: number) => {
    const buffer = device.createBuffer({ size: Math.ceil(values.byteLength / 16) * 16, usage, mappedAtCreation: true });
    new Uint32Array(buffer.getMappedRange()).set(new Uint32Array(values.buffer));
    buffer.unmap();
    return buffer;
  };
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const c = device.createBuffer({ size: M * N * 4, usage: STORAGE | COPY_SRC });
  const read = device.createBuffer({ size: M * N * 4, usage: MAP_READ | COPY_DST });
  const scale = filled(Float32Array.of(2 ** 9, 2 ** -9), STORAGE);
  const uniforms = filled(Uint32Array.of(M, N, K, K, 1, N, 0, 0, K, 0, 0, N, 0, 0, 0), UNIFORM);
  const buffers = [filled(a, STORAGE), filled(b, STORAGE), c, scale, scale, uniforms];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(Math.ceil(N / tile.n), Math.ceil(M / tile.m), 1);
  pass.end();
  encoder.copyBufferToBuffer(c, 0, read, 0, M * N * 4);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(read.getMappedRange().slice(0));
  for (const buffer of [...buffers, read]) buffer.destroy();
  return values;
}

const failure = ({ message }: { message: string }) => `their shader fails (${message.split('\n', 1)[0]})`;

/** Multiplies whole numbers on the device and compares: returns what is wrong, a clause, or undefined. */
async function faultOf(opened: OpenDevice, unit: MatrixUnit): Promise<string | undefined> {
  const [a, b] = [wholeNumbers(M * K, 5), wholeNumbers(K * N, 7)];
  const { device } = opened;
  const scopes = ['validation', 'internal', 'out-of-memory'] as const;
  for (const scope of scopes) device.pushErrorScope(scope);
  let fault: string | undefined;
  try {
    const c = await multiply(opened, unit, a, b);
    const wrong = c.findIndex((value, i) => {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[Math.floor(i / N) * K + k]! * b[k * N + (i % N)]!;
      return value !== sum;
    });
    if (wrong !== -1) fault = 'their test product was wrong';
  } catch (error) {
    fault = failure(error as Error);
  }
  const errors = await Promise.all(scopes.map(() => device.popErrorScope().catch(() => null)));
  // What the device reports comes before what follows from it.
  const first = errors.find((error) => error !== null);
  return first === undefined ? fault : failure(first!);
}

/**
 * Chooses the matrices that products use, after a test product on them. A driver that fails it is left alone: products are
 * computed without them.
 */
export async function chooseTensorCores(opened: OpenDevice, options: Asked): Promise<TensorCores> {
  if (options.precision !== 'float16') return { reason: 'products of float32 do without them' };
  const wanted = options.tensorCores ?? !opened.software;
  if (!wanted) return { reason: opened.software ? 'the adapter computes on the CPU' : 'tensorCores is false' };
  const choice = chooseUnit(opened);
  if ('reason' in choice) return choice;
  const fault = await faultOf(opened, choice.unit);
  return fault === undefined ? choice : { reason: fault };
}
