/**
 * Conversion of our layouts to those of other frameworks, a band at a time: the largest variable of a net, fc6, has 411 MB.
 * Our weights are [positions, channels, outputs]: HWIO, and fc6's inputs in the order of rows, columns, channels.
 */
import type { Layer } from '@vgg/models';

/** Approximate number of values in a band: 16 MB. */
const BAND = 2 ** 22;

/** Axes of a weight. */
export interface Axes {
  /** Rows times columns of a filter, or of the map that a fully-connected layer follows. */
  readonly positions: number;
  readonly channels: number;
  readonly outputs: number;
}

/** Returns the axes of a layer's weight. */
export function weightAxes(layer: Extract<Layer, { kind: 'convolution' | 'fullyConnected' }>): Axes {
  const [height, width] = layer.kind === 'convolution' ? [layer.kernel, layer.kernel] : layer.window;
  const positions = height * width;
  return { positions, channels: layer.inputs / (layer.kind === 'convolution' ? 1 : positions), outputs: layer.outputs };
}

/** Converts [positions, channels, outputs] to [outputs, channels, positions]: OIHW, or [outputs, inputs] with channels first. */
export function* outputsFirst(values: Float32Array, { positions, channels, outputs }: Axes): Generator<Float32Array> {
  const inputs = positions * channels;
  const step = Math.max(1, Math.floor(BAND / inputs));
  for (let begin = 0; begin < outputs; begin += step) {
    const rows = Math.min(step, outputs - begin);
    const band = new Float32Array(rows * inputs);
    for (let position = 0; position < positions; position++) {
      for (let channel = 0; channel < channels; channel++) {
        const from = (position * channels + channel) * outputs + begin;
        const to = channel * positions + position;
        for (let row = 0; row < rows; row++) band[row * inputs + to] = values[from + row]!;
      }
    }
    yield band;
  }
}

/** Converts [positions, channels, outputs] to [channels, positions, outputs]: [inputs, outputs] after a channels-first map. */
export function* channelsFirst(values: Float32Array, { positions, channels, outputs }: Axes): Generator<Float32Array> {
  if (positions === 1) return yield values;
  const step = Math.max(1, Math.floor(BAND / (positions * outputs)));
  for (let begin = 0; begin < channels; begin += step) {
    const count = Math.min(step, channels - begin);
    const band = new Float32Array(count * positions * outputs);
    for (let i = 0; i < count; i++) {
      for (let position = 0; position < positions; position++) {
        const from = (position * channels + begin + i) * outputs;
        band.set(values.subarray(from, from + outputs), (i * positions + position) * outputs);
      }
    }
    yield band;
  }
}
