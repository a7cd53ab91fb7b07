/** ONNX files of a net as other software writes them. */

import { inputShape, layerVariables, planLayers, type Vgg } from '@vgg/models';
import { float32ToFloat16 } from '../src/safetensors/half';
import type { Part } from './protobuf';
import { bytes, float, integer, message, text } from './protobuf';

/** Way to store the numbers of a tensor. */
export type Storage = 'raw' | 'floats' | 'half' | 'half-integers' | 'external';

const viewOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Encodes a packed field of integers. */
function packed(field: number, values: Iterable<number>): Part {
  return (writer) => {
    writer.tag(field, 2).fork();
    for (const value of values) writer.uint32(value);
    return writer.join();
  };
}

/** Writer of the tensors of a file and of the file of their numbers. */
export class Tensors {
  readonly #storage: Storage;
  readonly external: Uint8Array[] = [];
  #length = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Returns the fields of a TensorProto. */
  fields(name: string, shape: readonly number[], values: Float32Array): Part[] {
    const head = [...shape.map((side) => integer(1, side)), text(8, name)];
    const type = (number: number) => integer(2, number);
    switch (this.#storage) {
      case 'raw':
        return [...head, type(1), bytes(9, viewOf(values))];
      case 'floats':
        return [...head, type(1), bytes(4, viewOf(values))];
      case 'half':
        return [...head, type(10), bytes(9, viewOf(float32ToFloat16(values)))];
      case 'half-integers':
        return [...head, type(10), packed(5, float32ToFloat16(values))];
      case 'external': {
        const begin = this.#length;
        this.external.push(viewOf(values));
        this.#length += values.byteLength;
        const entries = { location: 'net.onnx.data', offset: String(begin), length: String(values.byteLength) };
        const place = Object.entries(entries).map(([key, value]) => bytes(13, message(text(1, key), text(2, value))));
        return [...head, type(1), ...place, integer(14, 1)];
      }
    }
  }
}

export const list = (name: string, ...values: number[]): Part =>
  bytes(5, message(text(1, name), ...values.map((value) => integer(8, value)), integer(20, 7)));
export const number = (name: string, value: number): Part =>
  bytes(5, message(text(1, name), integer(3, value), integer(20, 2)));
export const real = (name: string, value: number): Part =>
  bytes(5, message(text(1, name), float(2, value), integer(20, 1)));
export const word = (name: string, value: string): Part =>
  bytes(5, message(text(1, name), text(4, value), integer(20, 3)));

/** Returns a node as a field of a graph. */
export function node(type: string, inputs: readonly string[], output: string, ...attributes: Part[]): Part {
  const names = inputs.map((input) => text(1, input));
  return bytes(1, message(...names, text(2, output), text(3, `node ${output}`), text(4, type), ...attributes));
}

/** Returns an input as a field of a graph; a side of 0 has any size. */
export function input(name: string, ...sides: number[]): Part {
  const shape = message(
    ...sides.map((side) => bytes(1, side === 0 ? message(text(2, 'n')) : message(integer(1, side)))),
  );
  return bytes(11, message(text(1, name), bytes(2, message(bytes(1, message(integer(1, 1), bytes(2, shape)))))));
}

/** Returns a file of a graph. */
export function file(...graph: Part[]): Uint8Array {
  return message(integer(1, 8), text(2, 'test'), bytes(7, message(...graph)), bytes(8, message(integer(2, 13))));
}

/** Moves the axes of values of `shape`: axis `i` of the result is axis `order[i]`. */
export function permuted(values: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const sides = order.map((axis) => shape[axis]!);
  return Float32Array.from({ length: values.length }, (_, flat) => {
    let rest = flat;
    let from = 0;
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      from += (rest % sides[axis]!) * strides[order[axis]!]!;
      rest = Math.floor(rest / sides[axis]!);
    }
    return values[from]!;
  });
}

/** Style of a file. */
export interface Style {
  readonly storage?: Storage;
  /** `torch`: Gemm of [out, in]. `gluon`: the same, with the constants among the inputs. `tf2onnx`: channels last, MatMul and Add. */
  readonly software: 'torch' | 'gluon' | 'tf2onnx';
  /** Returns the name of a variable: of weighted layer `index`, or for batch norm of the layer before. */
  name(index: number, role: string, layer: string): string;
  /** True if the first bias is a copy of another constant, by an Identity. */
  readonly identity?: boolean;
  /** Returns more nodes and constants, after the value of a name. */
  more?(value: string): readonly Part[];
}

/** Returns the file of a net, and the file of its numbers for `external`. */
export function onnxFile(model: Vgg, style: Style): { net: Uint8Array; data: Uint8Array } {
  const isLast = style.software === 'tf2onnx';
  const tensors = new Tensors(style.storage ?? 'raw');
  const nodes: Part[] = [];
  const constants: Part[] = [];
  const inputs: Part[] = [];
  const [side] = inputShape(model.options);
  let x = 'data';
  let index = -1;
  let isFlat = false;
  const constant = (name: string, shape: readonly number[], values: Float32Array) => {
    constants.push(bytes(5, message(...tensors.fields(name, shape, values))));
    if (style.software === 'gluon') inputs.push(input(name, ...shape));
    return name;
  };
  const next = (type: string, more: readonly string[], ...attributes: Part[]) => {
    const output = `t${nodes.length}`;
    nodes.push(node(type, [x, ...more], output, ...attributes));
    x = output;
  };
  if (isLast) next('Transpose', [], list('perm', 0, 3, 1, 2));
  for (const layer of planLayers(model.options)) {
    const values = Object.fromEntries(
      layerVariables(layer).map(({ name, role }) => [role, model.variables.get(name)!.dataSync() as Float32Array]),
    );
    const vector = (role: string) =>
      constant(style.name(index, role, layer.name), [values[role]!.length], values[role]!);
    if (layer.kind === 'convolution') {
      index += 1;
      const { kernel, inputs: from, outputs: to } = layer;
      const weight = permuted(values.weight!, [kernel, kernel, from, to], [3, 2, 0, 1]);
      const name = constant(style.name(index, 'weight', layer.name), [to, from, kernel, kernel], weight);
      let bias = vector('bias');
      if (style.identity) {
        nodes.push(node('Identity', [bias], `${bias} again`));
        bias = `${bias} again`;
      }
      const pad = (kernel - 1) / 2;
      const same = isLast ? word('auto_pad', 'SAME_UPPER') : list('pads', pad, pad, pad, pad);
      next('Conv', [name, bias], list('kernel_shape', kernel, kernel), same, list('strides', 1, 1));
    } else if (layer.kind === 'fullyConnected') {
      index += 1;
      const { inputs: from, outputs: to } = layer;
      const [rows] = layer.window;
      if (!isFlat) {
        if (isLast) next('Transpose', [], list('perm', 0, 2, 3, 1));
        next('Flatten', []);
        isFlat = true;
      }
      const name = style.name(index, 'weight', layer.name);
      if (isLast) {
        next('MatMul', [constant(name, [from, to], values.weight!)]);
        next('Add', [vector('bias')]);
        continue;
      }
      const channels = from / rows ** 2;
      const weight = permuted(values.weight!, [rows, rows, channels, to], [3, 2, 0, 1]);
      next('Gemm', [constant(name, [to, from], weight), vector('bias')], number('transB', 1), real('alpha', 1));
    } else if (layer.kind === 'batchNorm') {
      next('BatchNormalization', ['scale', 'offset', 'mean', 'variance'].map(vector), real('epsilon', 1e-5));
    } else if (layer.kind === 'maxPool') {
      next('MaxPool', [], list('kernel_shape', 2, 2), list('strides', 2, 2));
    } else if (layer.kind === 'dropout') next('Dropout', []);
    else if (layer.kind === 'softmax') next('Softmax', []);
    else if (layer.kind === 'relu') next('Relu', []);
    else throw new Error(layer.kind);
  }
  for (const part of style.more?.(x) ?? []) nodes.push(part);
  const images = isLast ? input('data', 0, side, side, 3) : input('data', 0, 3, side, side);
  return { net: file(...nodes, ...constants, images, ...inputs), data: Buffer.concat(tensors.external) };
}
