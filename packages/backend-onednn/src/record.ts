/** Record of a tensor, whose numbers are in JavaScript, in native memory, in both, or not yet computed. */
import type { backend_util, DataType, TensorInfo } from '@tensorflow/tfjs-core';
import type { Device, NativeBuffer, Operand } from './device';
import type { NativeType } from './native';

/** An operation that is deferred, because the next one may be fused with it (src/kernels/deferred.ts). */
export interface Deferred {
  /** Queues the operation and returns its output, which the caller must release. */
  materialise(): NativeBuffer;
  /** Releases the operation's inputs. */
  dispose(): void;
}

/**
 * Length up to which arrays stay in JavaScript after they were copied to native memory, so that reading them is free.
 */
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
   * The numbers in JavaScript. Waits for the compute thread if they are not there yet. Despite its type, which
   * MathBackendCPU requires, this is undefined for complex tensors, whose parts are separate tensors.
   */
  get values(): backend_util.BackendValues {
    if (this.#host === undefined && this.hasNative) this.#host = this.typed(this.device.readSync(this.buffer));
    return this.#host as backend_util.BackendValues;
  }

  get hasNative(): boolean {
    return this.#buffer !== undefined || this.#deferred !== undefined;
  }

  /**
   * The numbers in native memory. Copies them or queues their operation if they are not there yet. The record owns the
   * buffer.
   */
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

  /** Replaces the native memory. Takes over the caller's reference to `buffer`. */
  replaceBuffer(buffer: NativeBuffer): void {
    this.release();
    this.#buffer = buffer;
  }

  /**
   * Sums over all axes but the last (the bias's gradient), if an operation also computed them (Conv2DBackpropFilter).
   */
  get channelSums(): Operand | undefined {
    return this.#channelSums;
  }

  /**
   * Stores sums of shape [channels] and takes over the caller's reference. A reshaped tensor may have other channels.
   */
  keepChannelSums(sums: Operand): void {
    this.#channelSums?.buffer.release();
    this.#channelSums = sums;
  }

  /** Discards everything derived from the native numbers. Call this after they were changed in place. */
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

/**
 * Returns the array in the dtype's own type: TF.js lets programs create tensors from plain arrays and other typed
 * arrays.
 */
function exactArray(values: ArrayLike<number>, dtype: NativeType): ArrayBufferView {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values);
  return values instanceof Uint8Array ? values : Uint8Array.from(values);
}
