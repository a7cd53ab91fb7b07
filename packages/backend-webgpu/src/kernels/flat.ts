/** Runs element-wise shaders over whole tensors, in ranges where a tensor is more than the device binds. */
import type { Operand, VggWebgpuBackend } from '../backend';
import { type FlatShader, flatShader, type Mode, THREADS } from '../wgsl/flat';
import { folded } from './gemm';
import { rangeOf, storageOf } from './ranges';

export interface Flat {
  name: string;
  inputs: readonly { operand: Operand; mode?: Mode }[];
  outputs: readonly Operand[];
  /** Numbers along the last axis, for inputs by channel. */
  channels?: number;
  /** Further uniforms, as WGSL declares them (`rate: f32`), with their values. */
  uniforms?: Readonly<Record<string, number>>;
  functions?: string;
  body: string;
  inPlace?: boolean;
  /** True if the body is for one number at a time. */
  scalar?: boolean;
}

/** Uniform words: those declared f32 as floats. */
export function uniformWords(head: readonly number[], more: Readonly<Record<string, number>> = {}): ArrayBuffer {
  const words = new DataView(new ArrayBuffer((head.length + Object.keys(more).length) * 4));
  let at = 0;
  const put = (value: number, float: boolean) => {
    if (float) words.setFloat32(at, value, true);
    else words.setUint32(at, value, true);
    at += 4;
  };
  for (const value of head) put(value, false);
  for (const [name, value] of Object.entries(more)) put(value, name.endsWith(': f32'));
  return words.buffer as ArrayBuffer;
}

/** Records the operation on as many numbers as the first output has. */
export function runFlat(backend: VggWebgpuBackend, flat: Flat): void {
  const { outputs, channels = 1, uniforms = {}, name } = flat;
  const { count } = outputs[0]!;
  const inputs = flat.inputs.map(({ operand, mode = 'each' }) => ({ operand, mode }));
  const vector =
    flat.scalar !== true && count % 4 === 0 && (channels % 4 === 0 || !inputs.some(({ mode }) => mode === 'channel'));
  const shader: FlatShader = {
    inputs: inputs.map(({ operand, mode }) => ({ storage: operand.integer ? 'i32' : storageOf(operand), mode })),
    outputs: outputs.map(storageOf),
    vector,
    uniforms: Object.keys(uniforms),
    functions: flat.functions ?? '',
    body: flat.body,
    inPlace: flat.inPlace ?? false,
  };
  const key = [vector, ...shader.outputs, ...shader.inputs.flatMap(({ storage, mode }) => [storage, mode])].join();
  const program = backend.runner.program(name, key, () => flatShader(shader));
  const of = vector ? 4 : 1;
  const step = 256 * channels;
  const most = Math.floor(backend.bindingLimit / 4 / step) * step;
  const label = () => `${name} of ${flat.inputs.map(({ operand }) => `[${operand.shape}]`).join(', ')}`;
  for (let from = 0; from < count; from += most) {
    const some = Math.min(most, count - from);
    const bind = (operand: Operand) => (some === count ? { buffer: operand.buffer } : rangeOf(operand, from, some));
    const others = flat.inPlace ? inputs.slice(outputs.length) : inputs;
    backend.runner.run({
      program,
      bindings: [
        ...outputs.map(bind),
        ...others.map(({ operand, mode }) => (mode === 'each' ? bind(operand) : { buffer: operand.buffer })),
      ],
      uniforms: uniformWords([some / of, vector ? Math.ceil(channels / 4) : channels], uniforms),
      groups: folded(Math.ceil(some / of / THREADS)),
      label,
    });
  }
}
