/** The preprocessing of pixels as a layer of an exported graph: one 1x1 convolution of RGB from 0 to 255. */
import type { Preprocessing } from '../preprocessing';

/** Names in the graph. They are not weights of the net: readers leave them out. */
export const PREPROCESS = { node: 'preprocess', weight: 'preprocess/weight', bias: 'preprocess/bias' } as const;

/** Names of constants that an exported graph needs in addition to the weights of the net. */
export const GRAPH_CONSTANTS: ReadonlySet<string> = new Set(['flatten/shape', PREPROCESS.weight, PREPROCESS.bias]);

/** Convolution of RGB from 0 to 255 to the input of conv1_1. */
export interface PixelLayer {
  /** `[outputs, inputs]`: the factor of each colour. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Returns the order, the range, the mean and the standard deviation of a net's pixels as a convolution. */
export function pixelLayer({ mean, std = [1, 1, 1], range = 255, channels = 'RGB' }: Preprocessing): PixelLayer {
  const weight = new Float32Array(9);
  for (let output = 0; output < 3; output++) {
    const input = channels === 'BGR' ? 2 - output : output;
    weight[output * 3 + input] = range / 255 / std[output]!;
  }
  return { weight, bias: Float32Array.from(mean, (value, i) => -value / std[i]!) };
}

/** Returns JavaScript that makes the input of an exported net from an image, for people who call it from another program. */
export function preprocessingText(
  {
    mean,
    std = [1, 1, 1],
    range = 255,
    channels = 'RGB',
    scale,
    resize = 'shortest',
    interpolation = 'antialiased',
  }: Preprocessing,
  inputSize: number,
  inside: boolean,
): string[] {
  const side = Math.max(inputSize, Math.round(typeof scale === 'number' ? scale : (scale[0] + scale[1]) / 2));
  const size = resize === 'stretch' ? `both sides to ${side}` : `the smallest side to ${side}`;
  const lines = [`input: rescale ${size} (${interpolation}), cut ${inputSize}x${inputSize} from the centre`];
  if (inside) return [...lines, 'pixels: RGB from 0 to 255, as they are: the graph subtracts the mean'];
  const value = range === 255 ? 'pixel' : 'pixel / 255';
  return [...lines, `pixels: ${channels}, (${value} - [${mean.join(', ')}]) / [${std.join(', ')}] for each channel`];
}
