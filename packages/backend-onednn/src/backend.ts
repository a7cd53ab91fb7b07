/** The TF.js backend: MathBackendCPU with records whose numbers may be in native memory. */
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import {
  type backend_util,
  type DataId,
  type DataType,
  kernel_impls,
  type Tensor,
  type Tensor2D,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { Device, type Loan, type NativeBuffer, type Operand } from './device';
import { Fallbacks } from './fallbacks';
import type { NativeModule, NativeOptions, NativeType } from './native';
import { type Deferred, TensorRecord } from './record';

export class OnednnBackend extends MathBackendCPU {
  readonly device: Device;
  readonly precision: NativeOptions['precision'];
  readonly fallbacks = new Fallbacks();
  /** True if activations are held as bfloat16, and matrix products and direct convolutions multiply it. */
  readonly bf16: boolean;

  constructor(module: NativeModule, options: NativeOptions) {
    super();
    this.device = new Device(module, options);
    this.precision = options.precision;
    this.bf16 = options.precision !== 'float32';
  }

  record(info: { dataId: DataId }): TensorRecord {
    return this.data.get(info.dataId) as TensorRecord;
  }

  override write(values: backend_util.BackendValues, _shape: number[], dtype: DataType): DataId {
    return this.#add(new TensorRecord(this.device, dtype, { host: values }));
  }

  override move(
    dataId: DataId,
    values: backend_util.BackendValues,
    _shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    const record = new TensorRecord(this.device, dtype, { host: values });
    record.refCount = refCount;
    this.data.set(dataId, record);
  }

  #add(record: TensorRecord): DataId {
    const dataId = {};
    this.data.set(dataId, record);
    return dataId;
  }

  /** Returns a tensor's numbers in native memory, seen in its own shape or in another one of the same size. */
  operand(info: TensorInfo, shape: readonly number[] = info.shape): Operand {
    return { buffer: this.record(info).buffer, shape };
  }

  /** Queues an operation with one output. The kernel sees the output in `nativeShape`. Default `shape`. */
  run(
    kernel: string,
    inputs: readonly Operand[],
    output: { shape: readonly number[]; dtype?: NativeType; nativeShape?: readonly number[] },
    attributes: readonly number[] = [],
  ): TensorInfo {
    const { shape, dtype = 'float32', nativeShape = shape } = output;
    const buffer = this.device.reserve();
    this.device.submit(kernel, inputs, [{ buffer, dtype, shape: nativeShape }], attributes);
    return this.wrap(buffer, shape, dtype);
  }

  /** Returns a tensor over a native buffer. Takes over the caller's reference to the buffer. */
  wrap(buffer: NativeBuffer, shape: readonly number[], dtype: NativeType): TensorInfo {
    const dataId = this.#add(new TensorRecord(this.device, dtype, { buffer }));
    return { dataId, shape: [...shape], dtype };
  }

  /** Returns a float32 tensor whose operation is deferred. */
  defer(deferred: Deferred, shape: readonly number[]): TensorInfo {
    const dataId = this.#add(new TensorRecord(this.device, 'float32', { deferred }));
    return { dataId, shape: [...shape], dtype: 'float32' };
  }

  /**
   * Returns a float32 tensor whose numbers are not set yet, and its own memory. Until `release`, which leaves the array
   * empty, no operation may use the tensor: another thread, such as a read of a file, may write the numbers.
   * `lentTensor` of `@vgg/models` calls it by name.
   */
  lendNew(shape: readonly number[]): Loan & { info: TensorInfo } {
    const { buffer, numbers, release } = this.device.lendNew(util.sizeFromShape([...shape]));
    return { info: this.wrap(buffer, shape, 'float32'), numbers, release };
  }

  /** Returns the same numbers in another shape, without a copy. */
  alias(info: TensorInfo, shape: readonly number[]): TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape: [...shape], dtype: info.dtype };
  }

  override async read(dataId: DataId): Promise<backend_util.BackendValues> {
    const record = this.record({ dataId });
    if (record.host !== undefined || !record.hasNative) return this.readSync(dataId);
    return record.typed(await this.device.read(record.buffer));
  }

  override readSync(dataId: DataId): backend_util.BackendValues {
    const record = this.record({ dataId });
    if (record.host !== undefined || !record.hasNative) return super.readSync(dataId);
    return record.typed(this.device.readSync(record.buffer));
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const record = this.data.has(dataId) ? this.record({ dataId }) : undefined;
    const disposed = super.disposeData(dataId, force);
    if (disposed) record?.release();
    return disposed;
  }

  override where(condition: Tensor): Tensor2D {
    const values = this.readSync(condition.dataId) as backend_util.TypedArray;
    return kernel_impls.whereImpl(condition.shape, values) as Tensor2D;
  }

  override async time(f: () => void) {
    const start = util.now();
    f();
    this.device.drain();
    return { kernelMs: util.now() - start };
  }

  override memory() {
    return { unreliable: false, reasons: [] as string[], ...this.device.statistics() };
  }

  override dispose(): void {
    this.device.close();
  }
}
