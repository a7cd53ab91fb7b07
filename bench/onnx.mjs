/**
 * Writes ONNX models with random weights: few messages are needed, and an exporter would be a dependency.
 */

/** Encodes protocol buffers: varints, and fields of type 0 (number) and 2 (bytes, text or a message). */
function varint(value) {
  const bytes = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
const number = (field, value) => [varint(field * 8), varint(value)];
const bytes = (field, value) => {
  const parts = typeof value === 'string' ? [Buffer.from(value)] : [value].flat(9);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [varint(field * 8 + 2), varint(length), ...parts];
};

const tensor = (name, dims) => {
  const shape = bytes(
    2,
    dims.map((dim) => bytes(1, number(1, dim))),
  );
  return [bytes(1, name), bytes(2, bytes(1, [number(1, 1), shape]))];
};

/** Returns functions that add to a model with one input, `images`, and that encode it. */
export function createModel() {
  const initialisers = [];
  const nodes = [];
  let seed = 1;
  return {
    /** Adds random weights within ±scale and returns their name. */
    weights(dims, scale) {
      const name = `w${initialisers.length}`;
      const values = new Float32Array(dims.reduce((a, b) => a * b, 1));
      for (let i = 0; i < values.length; i++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
        values[i] = (seed / 2 ** 31) * scale;
      }
      const raw = Buffer.from(values.buffer);
      initialisers.push(bytes(5, [dims.map((dim) => number(1, dim)), number(2, 1), bytes(8, name), bytes(9, raw)]));
      return name;
    },
    /** Returns an attribute of whole numbers. */
    ints: (name, values) => bytes(5, [bytes(1, name), values.map((value) => number(8, value)), number(20, 7)]),
    /** Adds a node and returns the name of its output. */
    node(operation, inputs, attributes = []) {
      const output = `t${nodes.length}`;
      nodes.push(
        bytes(1, [inputs.map((input) => bytes(1, input)), bytes(2, output), bytes(4, operation), attributes.flat(9)]),
      );
      return output;
    },
    finish(inputDims, output, outputDims) {
      const graph = [
        nodes,
        bytes(2, 'vgg'),
        initialisers,
        bytes(11, tensor('images', inputDims)),
        bytes(12, tensor(output, outputDims)),
      ];
      return Buffer.concat([number(1, 8), bytes(8, number(2, 13)), bytes(7, graph)].flat(12));
    },
  };
}
