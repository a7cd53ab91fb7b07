/** GPU buffers kept for reuse by exact size: what TF.js's BufferManager does, with a bound on what lies unused. */
import { VggError } from '@vgg/core';
import type { DeviceErrors } from './errors';

/** Unused bytes are freed when they are more than this and more than what is in use. */
const KEPT_BYTES = 2 ** 29;

export class BufferPool {
  readonly freeBuffers = new Map<string, GPUBuffer[]>();
  readonly #used = new Set<GPUBuffer>();
  numBytesUsed = 0;
  numBytesAllocated = 0;
  /** Called before unused buffers are freed: nothing may refer to them then. */
  onTrim: () => void = () => {};

  constructor(
    readonly device: GPUDevice,
    readonly errors: DeviceErrors,
  ) {}

  /** @throws VggError `VGG_BACKEND` for more bytes than one buffer of the device may have. */
  acquireBuffer(size: number, usage: number, mappedAtCreation = false, reuse = true): GPUBuffer {
    const key = `${size}_${usage}`;
    const buffer =
      (reuse ? this.freeBuffers.get(key)?.pop() : undefined) ?? this.#create(size, usage, mappedAtCreation);
    this.#used.add(buffer);
    this.numBytesUsed += size;
    return buffer;
  }

  #create(size: number, usage: number, mappedAtCreation: boolean): GPUBuffer {
    const { maxBufferSize } = this.device.limits;
    if (size > maxBufferSize) {
      throw new VggError(
        'backend',
        `webgpu: expected tensors of at most ${maxBufferSize} bytes, got ${size}: use a smaller batch or another engine`,
      );
    }
    if (this.numBytesAllocated - this.numBytesUsed > Math.max(KEPT_BYTES, this.numBytesUsed)) this.trim();
    this.numBytesAllocated += size;
    const held = this.numBytesAllocated;
    return this.errors.scoped(
      () => `a buffer of ${size} bytes, ${held} in all`,
      ['validation', 'out-of-memory'],
      () => {
        try {
          return this.device.createBuffer({ size, usage, mappedAtCreation });
        } catch (cause) {
          // A mapped buffer that does not fit is thrown as a RangeError.
          throw new VggError('backend', `webgpu: out of memory at a buffer of ${size} bytes, ${held} in all`, {
            cause,
          });
        }
      },
    );
  }

  releaseBuffer(buffer: GPUBuffer, reuse = true): void {
    // Released twice, or after dispose.
    if (!this.#used.delete(buffer)) return;
    this.numBytesUsed -= buffer.size;
    if (!reuse) {
      buffer.destroy();
      this.numBytesAllocated -= buffer.size;
      return;
    }
    const key = `${buffer.size}_${buffer.usage}`;
    const free = this.freeBuffers.get(key);
    if (free === undefined) this.freeBuffers.set(key, [buffer]);
    else free.push(buffer);
  }

  /** Frees what lies unused. */
  trim(): void {
    this.onTrim();
    for (const buffers of this.freeBuffers.values()) {
      for (const buffer of buffers) {
        this.numBytesAllocated -= buffer.size;
        buffer.destroy();
      }
    }
    this.freeBuffers.clear();
  }

  getNumUsedBuffers(): number {
    return this.#used.size;
  }

  getNumFreeBuffers(): number {
    return [...this.freeBuffers.values()].reduce((sum, buffers) => sum + buffers.length, 0);
  }

  dispose(): void {
    this.trim();
    for (const buffer of this.#used) buffer.destroy();
    this.#used.clear();
    this.numBytesUsed = 0;
    this.numBytesAllocated = 0;
  }
}
