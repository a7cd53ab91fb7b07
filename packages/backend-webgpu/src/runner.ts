/** Compute pipelines, bind groups and uniforms, each made once, and their recording into the backend's command encoder. */
import type { DeviceErrors } from './errors';
import { Profiler } from './profiler';

/** The private parts of the stock backend that are used: both backends record into one encoder, which keeps the order. */
export interface Recording {
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

export interface Program {
  readonly id: number;
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** A part of a buffer, in bytes. */
export interface Binding {
  readonly buffer: GPUBuffer;
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
}

export interface Dispatch {
  program: Program;
  /** Storage buffers, from binding 0 on. */
  bindings: readonly Binding[];
  /** 32-bit words of the uniform struct, the last binding. */
  uniforms?: ArrayBuffer | undefined;
  /** Workgroups along x, y and z. */
  groups: readonly [number, number, number];
  /** Kernel and shapes, for errors and profiles. */
  label: () => string;
}

/** Operations recorded before the GPU is handed them. */
const BATCH = 32;

/** Kept of each kind; a training step of net E uses some 500. */
const CACHE_LIMIT = 8192;

export class Runner {
  readonly profiler: Profiler;
  readonly #programs = new Map<string, Program>();
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #uniforms = new Map<string, { buffer: GPUBuffer; id: number }>();
  readonly #ids = new WeakMap<GPUBuffer, number>();
  #nextId = 1;
  /** Dispatches since the start. */
  dispatches = 0;

  constructor(
    readonly device: GPUDevice,
    readonly errors: DeviceErrors,
    readonly recording: Recording,
  ) {
    this.profiler = new Profiler(device, recording);
  }

  /** The program of that key, compiled at its first use. */
  program(name: string, key: string, source: () => string): Program {
    const full = `${name} ${key}`;
    let program = this.#programs.get(full);
    if (program === undefined) {
      program = this.errors.scoped(
        () => `the shader of ${full}`,
        ['validation'],
        () => this.#compile(name, full, source()),
      );
      this.#programs.set(full, program);
    }
    return program;
  }

  #compile(name: string, label: string, code: string): Program {
    const module = this.device.createShaderModule({ label, code });
    const pipeline = this.device.createComputePipeline({ label, layout: 'auto', compute: { module } });
    return { id: this.#programs.size, name, pipeline, layout: pipeline.getBindGroupLayout(0) };
  }

  #idOf(buffer: GPUBuffer): number {
    let id = this.#ids.get(buffer);
    if (id === undefined) {
      id = this.#nextId++;
      this.#ids.set(buffer, id);
    }
    return id;
  }

  /** A uniform buffer of these words: the same one for the same words. */
  #uniform(words: ArrayBuffer) {
    const key = new Uint32Array(words).join();
    let found = this.#uniforms.get(key);
    if (found === undefined) {
      if (this.#uniforms.size >= CACHE_LIMIT) this.forget();
      const size = Math.ceil(words.byteLength / 16) * 16;
      const buffer = this.device.createBuffer({ size, usage: GPUBufferUsage.UNIFORM, mappedAtCreation: true });
      new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(words));
      buffer.unmap();
      found = { buffer, id: this.#idOf(buffer) };
      this.#uniforms.set(key, found);
    }
    return found;
  }

  #bindGroup(dispatch: Dispatch): GPUBindGroup {
    const { program, bindings, uniforms } = dispatch;
    let key = `${program.id}`;
    for (const { buffer, offset = 0, size = 0 } of bindings) key += `,${this.#idOf(buffer)}:${offset}:${size}`;
    const uniform = uniforms && this.#uniform(uniforms);
    if (uniform !== undefined) key += `,${uniform.id}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size >= CACHE_LIMIT) this.#groups.clear();
      const resources: Binding[] = uniform === undefined ? [...bindings] : [...bindings, { buffer: uniform.buffer }];
      group = this.errors.scoped(dispatch.label, ['validation'], () =>
        this.device.createBindGroup({
          layout: program.layout,
          entries: resources.map(({ buffer, offset, size }, binding) => ({
            binding,
            resource: { buffer, offset: offset ?? 0, size: size ?? buffer.size },
          })),
        }),
      );
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Records one operation. */
  run(dispatch: Dispatch): void {
    const group = this.#bindGroup(dispatch);
    const { recording, profiler } = this;
    this.dispatches += 1;
    // The profiler may submit what was recorded, and so end the encoder.
    const measured = profiler.on ? profiler.pass(dispatch.label()) : undefined;
    recording.ensureCommandEncoderReady();
    if (measured !== undefined) {
      recording.endComputePassEncoder();
      recording.computePassEncoder = recording.commandEncoder!.beginComputePass(measured);
    } else {
      recording.computePassEncoder ??= recording.commandEncoder!.beginComputePass();
    }
    const pass = recording.computePassEncoder;
    pass.setPipeline(dispatch.program.pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...dispatch.groups);
    recording.dispatchCountInPass += 1;
    if (recording.dispatchCountInPass >= BATCH) this.submit();
  }

  /** Hands the GPU what was recorded. */
  submit(): void {
    const { recording } = this;
    recording.endComputePassEncoder();
    if (recording.commandEncoder !== null) recording.submitQueue();
  }

  /** Drops cached bind groups and uniforms, after a submit: nothing recorded refers to them then. */
  forget(): void {
    this.submit();
    this.#groups.clear();
    for (const { buffer } of this.#uniforms.values()) buffer.destroy();
    this.#uniforms.clear();
  }

  /** Drops cached bind groups, which keep buffers alive. */
  forgetBindGroups(): void {
    this.submit();
    this.#groups.clear();
  }
}
