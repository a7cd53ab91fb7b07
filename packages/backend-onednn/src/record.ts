/** Where a tensor's numbers are: in JavaScript, in native memory, in both, or not yet computed. */
import type { backend_util, DataType, TensorInfo } from '@tensorflow/tfjs-core';
import type { Device, NativeBuffer, Operand } from './device';
import type { NativeType } from './native';

/** An operation that is put off, since the next one may take it in (src/kernels/deferred.ts). */
export interface Deferred {
  /** Queues the operation. The buffer is the caller's. */
  materialise(): NativeBuffer;
  /** Lets go of what the operation would have read. */
  dispose(): void;
}

/** Arrays up to this length stay in JavaScript after they were copied to native memory: reading them back costs nothing. */
const KEPT_LENGTH = 256;

/** The data record of {@link MathBackendCPU}, whose kernels read `values`. */
export class TensorRecord {
  refCount = 1;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  #host: backend_util.BackendValues | undefined;
  #buffer: NativeBuffer | undefined;
  #deferred: Deferred | undefined;
  #channelSums: Operand | undefined;

  constructor(
    readonly device: Device,
    readonly dtype: DataType,
    content: { host?: backend_util.BackendValues | undefined; buffer?: NativeBuffer; deferred?: Deferred },
  ) {
    this.#host = content.host;
    this.#buffer = content.buffer;
    this.#deferred = content.deferred;
  }

  get deferred(): Deferred | undefined {
    return this.#deferred;
  }

  /** The numbers if they are in JavaScript. */
  get host(): backend_util.BackendValues | undefined {
    return this.#host;
  }

  /**
   * The numbers in JavaScript; waits for the compute thread when they are not there yet. Undefined, whatever the type that
   * MathBackendCPU gives it, for complex tensors, whose parts are tensors of their own.
   */
  get values(): backend_util.BackendValues {
    if (this.#host === undefined && this.hasNative) this.#host = this.typed(this.device.readSync(this.buffer));
    return this.#host as backend_util.BackendValues;
  }

  get hasNative(): boolean {
    return this.#buffer !== undefined || this.#deferred !== undefined;
  }

  /** The numbers in native memory, copied or queued for computation when they are not there yet. Stays the record's. */
  get buffer(): NativeBuffer {
    if (this.#buffer === undefined) {
      if (this.#deferred !== undefined) {
        this.#buffer = this.#deferred.materialise();
        this.#deferred.dispose();
        this.#deferred = undefined;
      } else {
        const host = this.#host as backend_util.TypedArray;
        this.#buffer = this.device.upload(this.dtype as NativeType, exactArray(host, this.dtype as NativeType));
        if (host.length > KEPT_LENGTH) this.#host = undefined;
      }
    }
    return this.#buffer;
  }

  /** Takes other native memory in place of its own. */
  replaceBuffer(buffer: NativeBuffer): void {
    this.release();
    this.#buffer = buffer;
  }

  /** The sums over all axes but the last, if an operation came by them (Conv2DBackpropFilter): the bias's gradient. */
  get channelSums(): Operand | undefined {
    return this.#channelSums;
  }

  /** Takes over the buffer's reference. The shape is [channels], which those of a reshaped tensor need not be. */
  keepChannelSums(sums: Operand): void {
    this.#channelSums?.buffer.release();
    this.#channelSums = sums;
  }

  /** Forgets what was derived from the native numbers, after they were changed in place. */
  forgetDerived(): void {
    this.#host = undefined;
    this.#channelSums?.buffer.release();
    this.#channelSums = undefined;
  }

  typed(bytes: ArrayBuffer): backend_util.TypedArray {
    if (this.dtype === 'float32') return new Float32Array(bytes);
    return this.dtype === 'int32' ? new Int32Array(bytes) : new Uint8Array(bytes);
  }

  release(): void {
    this.#buffer?.release();
    this.#deferred?.dispose();
    this.#channelSums?.buffer.release();
    this.#host = this.#buffer = this.#deferred = this.#channelSums = undefined;
  }
}

/** The array in the dtype's own type: TF.js lets programs make tensors of plain arrays and of other types. */
function exactArray(values: ArrayLike<number>, dtype: NativeType): ArrayBufferView {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values);
  return values instanceof Uint8Array ? values : Uint8Array.from(values);
}
