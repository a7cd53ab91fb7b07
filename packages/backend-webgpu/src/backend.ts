/** The TF.js backend: WebGPUBackend with our own kernels, its errors caught and its reads checked. */
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { type backend_util, type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { OpenDevice } from './adapter';
import { DeviceErrors } from './errors';
import { runUnary } from './kernels/elementwise';
import { runFlat } from './kernels/flat';
import { LANES } from './kernels/gemm';
import type { Precision } from './options';
import { BufferPool } from './pool';
import { type Recording, Runner } from './runner';
import type { TensorCores } from './tensor-cores';
import type { Tile } from './wgsl/gemm';
import type { MatrixUnit } from './wgsl/matrices';

/** A tensor's record. `half` is ours: its numbers are stored as float16. */
export interface TensorRecord {
  dtype: DataType;
  shape: number[];
  values: backend_util.BackendValues | null | undefined;
  refCount: number;
  resource?: GPUBuffer | null;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  half?: boolean;
  /** Set while the operation that gives the numbers is put off. */
  deferred?: Deferred | undefined;
  /** Its scale on tensor cores (src/kernels/scale.ts), once it was needed. */
  scale?: GPUBuffer | undefined;
}

/** An operation of one input that the next operation may take in. */
export interface Deferred {
  kernel: 'Step' | 'Square';
  source: TensorInfo;
}

/** A tensor's numbers on the GPU. */
export interface Operand {
  readonly buffer: GPUBuffer;
  /** True if they are stored as float16. */
  readonly half: boolean;
  /** True if they are stored as 32-bit integers. */
  readonly integer?: boolean;
  readonly shape: readonly number[];
  readonly count: number;
}

const STORAGE = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST

/** Arrays up to this length stay in JavaScript after a read: reading them again costs nothing. */
const KEPT_LENGTH = 256;

type StockProgram = Parameters<WebGPUBackend['runWebGPUProgram']>[0];

export class VggWebgpuBackend extends WebGPUBackend {
  readonly errors: DeviceErrors;
  readonly runner: Runner;
  readonly precision: Precision;
  readonly name: string;
  /** True if the adapter computes on the CPU. */
  readonly software: boolean;
  /** True if a CPU computes eight threads at once as a subgroup, so that they can read for each other. */
  readonly lanes: boolean;
  /** The most bytes that are bound at once; tests lower it. */
  bindingLimit: number;
  /** True if shaders of convolutions hold channels and windows as constants: faster, but one shader per layer to compile. */
  constantSizes = true;
  /** Tile of all products, in place of the one for their size; tests set it. */
  tile: Tile | undefined;
  /** Side of the outputs of Winograd's convolutions, wherever they can be used, in place of the one for their size; tests set it. */
  winograd: 2 | 4 | undefined;
  readonly #pool: BufferPool;
  /** Stock programs that were recorded once without error, with the shapes of their inputs. */
  readonly #proven = new Set<string>();

  /** Matrices that tensor cores multiply, if products use them. */
  readonly unit: MatrixUnit | undefined;

  constructor(
    { device, info, name, software }: OpenDevice,
    precision: Precision,
    readonly tensorCores: TensorCores,
  ) {
    super(device, info);
    this.errors = new DeviceErrors(device);
    this.name = name;
    this.bindingLimit = device.limits.maxStorageBufferBindingSize;
    this.software = software;
    const { subgroupMinSize, subgroupMaxSize } = info;
    this.lanes = software && device.features.has('subgroups') && subgroupMinSize === LANES && subgroupMaxSize === LANES;
    this.precision = precision === 'float16' && device.features.has('shader-f16') ? 'float16' : 'float32';
    this.unit = 'unit' in tensorCores ? tensorCores.unit : undefined;
    this.#pool = new BufferPool(device, this.errors);
    this.bufferManager = this.#pool as unknown as WebGPUBackend['bufferManager'];
    this.runner = new Runner(device, this.errors, this as unknown as Recording);
    this.#pool.onTrim = () => this.runner.forgetBindGroups();
  }

  record(info: { dataId: object }): TensorRecord {
    return this.tensorMap.get(info.dataId) as unknown as TensorRecord;
  }

  /** A tensor's numbers on the GPU, as they are stored there. */
  operand(info: TensorInfo): Operand {
    const record = this.record(info);
    if (record.deferred !== undefined) this.#materialise(info.dataId);
    if (record.half !== true) this.uploadToGPU(info.dataId);
    const { shape } = info;
    return { buffer: record.resource!, half: record.half === true, shape, count: util.sizeFromShape(shape) };
  }

  /**
   * The tensor, or a new one of its numbers as floats: TF.js's Cast to float32 leaves integers as they are stored. The caller
   * disposes a new one.
   */
  asFloat(info: TensorInfo): TensorInfo {
    const { dtype } = this.record(info);
    if (info.dtype !== 'float32' || (dtype !== 'int32' && dtype !== 'bool')) return info;
    const operand = { ...this.operand(info), integer: true };
    const output = this.output(info.shape);
    if (operand.count === 0) return output;
    const outputs = [this.operand(output)];
    runFlat(this, { name: 'Cast', inputs: [{ operand }], outputs, body: 'let r0 = v0;' });
    return output;
  }

  /** A new tensor whose numbers an operation will write. */
  output(shape: readonly number[], half = false): TensorInfo {
    const info = this.makeTensorInfo([...shape], 'float32');
    const count = util.sizeFromShape(info.shape);
    const record = this.record(info);
    record.resource = this.#pool.acquireBuffer(half ? Math.ceil(count / 2) * 4 : count * 4, STORAGE);
    if (half) record.half = true;
    return info;
  }

  /** Scratch memory of float32 numbers, to be released by {@link release} once its readers are recorded. */
  scratch(count: number): GPUBuffer {
    return this.#pool.acquireBuffer(count * 4, STORAGE);
  }

  release(buffer: GPUBuffer): void {
    this.#pool.releaseBuffer(buffer);
  }

  /** Frees the scale of a tensor whose numbers change or end. */
  forgetScale(record: TensorRecord): void {
    if (record.scale !== undefined) this.release(record.scale);
    record.scale = undefined;
  }

  /** The same numbers in another shape, without a copy. */
  alias(info: TensorInfo, shape: readonly number[]): TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape: [...shape], dtype: info.dtype };
  }

  /** Replaces a tensor's buffer by another, whose ownership it takes. */
  replace(info: TensorInfo, buffer: GPUBuffer, half: boolean): void {
    const record = this.record(info);
    if (record.resource) this.#pool.releaseBuffer(record.resource);
    record.resource = buffer;
    record.half = half;
    record.values = null;
  }

  /** A tensor whose operation is put off. Keeps its input until it has run or is disposed. */
  defer(kernel: Deferred['kernel'], source: TensorInfo): TensorInfo {
    const info = this.makeTensorInfo(source.shape, 'float32');
    this.record(info).deferred = { kernel, source: this.alias(source, source.shape) };
    return info;
  }

  /** The input of an operation of that kind that is put off, if the tensor is one. */
  deferredSource(info: TensorInfo, kernel: Deferred['kernel']): TensorInfo | undefined {
    const { deferred } = this.record(info);
    return deferred?.kernel === kernel ? deferred.source : undefined;
  }

  #materialise(dataId: object): void {
    const record = this.record({ dataId });
    const { deferred } = record;
    if (deferred === undefined) return;
    record.deferred = undefined;
    const x = this.operand(deferred.source);
    record.resource = this.#pool.acquireBuffer(x.half ? Math.ceil(x.count / 2) * 4 : x.count * 4, STORAGE);
    record.half = x.half;
    runUnary(this, deferred.kernel, x, this.operand({ dataId, shape: deferred.source.shape, dtype: 'float32' }));
    this.disposeData(deferred.source.dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    const record = this.tensorMap.has(dataId) ? this.record({ dataId }) : undefined;
    const disposed = super.disposeData(dataId, force);
    if (disposed && record !== undefined) {
      this.forgetScale(record);
      if (record.deferred !== undefined) this.disposeData(record.deferred.source.dataId);
      record.deferred = undefined;
    }
    return disposed;
  }

  /** Makes a tensor float32 on the GPU, which is what stock kernels read. */
  override uploadToGPU(dataId: object): void {
    this.#materialise(dataId);
    if (this.record({ dataId }).half === true) this.#widen(dataId);
    else super.uploadToGPU(dataId);
  }

  #widen(dataId: object): void {
    const record = this.record({ dataId });
    const shape = record.shape;
    const half = this.operand({ dataId, shape, dtype: 'float32' });
    const buffer = this.#pool.acquireBuffer(half.count * 4, STORAGE);
    const wide = { ...half, buffer, half: false };
    runFlat(this, { name: 'Widen', inputs: [{ operand: half }], outputs: [wide], body: 'let r0 = v0;' });
    this.replace({ dataId, shape, dtype: 'float32' }, buffer, false);
  }

  /** @throws VggError `VGG_BACKEND` when the stock program cannot bind its tensors on this device. */
  override runWebGPUProgram(
    program: StockProgram,
    inputs: TensorInfo[],
    outputDtype: DataType,
    programDefinedUniform?: { type: string; data: number[] }[],
    output?: TensorInfo,
  ): TensorInfo {
    const name = program.constructor.name.replace(/Program\d*$/, '');
    const shapes = [...inputs.map(({ shape }) => shape), output?.shape ?? program.outputShape];
    const label = () => `${name} of ${shapes.map((shape) => `[${shape}]`).join(', ')}`;
    this.checkBindings(name, shapes);
    this.errors.last = name;
    const run = () => super.runWebGPUProgram(program, inputs, outputDtype, programDefinedUniform, output);
    const key = `${name} ${program.shaderKey} ${shapes.join('|')}`;
    if (this.#proven.has(key)) return run();
    this.#proven.add(key);
    return this.errors.scoped(label, ['validation'], run);
  }

  /** @throws VggError `VGG_BACKEND` for more or larger tensors than the device binds at once. */
  checkBindings(kernel: string, shapes: readonly (readonly number[])[]): void {
    const [most, largest] = [this.device.limits.maxStorageBuffersPerShaderStage, this.bindingLimit];
    if (shapes.length > most) {
      throw new VggError(
        'backend',
        `webgpu: ${kernel} of ${shapes.length} tensors: this GPU takes at most ${most} at once`,
      );
    }
    for (const shape of shapes) {
      const bytes = util.sizeFromShape(shape as number[]) * 4;
      if (bytes > largest) {
        throw new VggError(
          'backend',
          `webgpu: ${kernel} of a tensor [${shape}] needs ${bytes} bytes, this GPU binds at most ${largest}: use a smaller batch or another engine`,
        );
      }
    }
  }

  override async read(dataId: object): Promise<backend_util.BackendValues> {
    this.errors.check();
    const record = this.tensorMap.has(dataId) ? this.record({ dataId }) : undefined;
    if (record?.deferred !== undefined || record?.half === true) this.uploadToGPU(dataId);
    if (record === undefined || record.values != null || record.dtype === 'complex64' || !record.resource) {
      return super.read(dataId);
    }
    const { dtype } = record;
    let bytes: ArrayBuffer;
    try {
      bytes = await this.getBufferData(record.resource);
    } catch (cause) {
      // A lost device is noted a moment later than the read that it fails.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await this.errors.settle();
      throw new VggError('backend', `webgpu: a read failed: ${(cause as Error).message}`, { cause });
    }
    await this.errors.settle();
    const values = util.convertBackendValuesAndArrayBuffer(bytes, dtype as 'float32');
    if (values.length <= KEPT_LENGTH) record.values = values;
    return values;
  }

  override readSync(dataId: object): backend_util.BackendValues {
    const record = this.record({ dataId });
    const isOnGpu = record.values == null && record.dtype !== 'string' && record.dtype !== 'complex64';
    if (isOnGpu && typeof OffscreenCanvas === 'undefined') {
      throw new VggError(
        'backend',
        'webgpu cannot wait for the GPU here: use await tensor.data() in place of dataSync()',
      );
    }
    if (isOnGpu) {
      this.errors.check();
      if (record.half === true || record.deferred !== undefined) this.uploadToGPU(dataId);
    }
    return super.readSync(dataId);
  }

  /** Milliseconds that `f` takes on the GPU, from the first operation to the end of the last. */
  override async time(f: () => void) {
    const start = util.now();
    f();
    this.runner.submit();
    await this.queue.onSubmittedWorkDone();
    const ms = util.now() - start;
    return { kernelMs: ms, wallMs: ms, uploadWaitMs: 0, downloadWaitMs: 0 };
  }

  override dispose(): void {
    this.errors.closed = true;
    super.dispose();
    this.device.destroy();
  }

  override memory() {
    return { ...super.memory(), unreliable: false };
  }

  /** Frees buffers that are kept for reuse. */
  trim(): void {
    this.#pool.trim();
  }
}
