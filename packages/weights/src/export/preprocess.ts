/** The preprocessing of pixels as a layer of an exported graph: one 1x1 convolution of RGB from 0 to 255. */
import { inputShape, type ResolvedVggOptions } from '@vgg/models';
import { evaluationScale, type Preprocessing } from '../preprocessing';

/** Names in the graph. They are not weights of the net: readers leave them out. */
export const PREPROCESS = { node: 'preprocess', weight: 'preprocess/weight', bias: 'preprocess/bias' } as const;

/** Names of constants that an exported graph needs in addition to the weights of the net. */
export const GRAPH_CONSTANTS: ReadonlySet<string> = new Set(['flatten/shape', PREPROCESS.weight, PREPROCESS.bias]);

/** Convolution of RGB or other channels from 0 to 255 to the input of conv1_1. */
export interface PixelLayer {
  /** `[outputs, inputs]`: the factor of each channel. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Returns the order, the range, the mean and the standard deviation of a net's pixels as a convolution. */
export function pixelLayer({ mean, std, range = 255, channels = 'RGB' }: Preprocessing): PixelLayer {
  const count = mean.length;
  const weight = new Float32Array(count * count);
  for (let output = 0; output < count; output++) {
    const input = channels === 'BGR' ? 2 - output : output;
    weight[output * count + input] = range / 255 / (std?.[output] ?? 1);
  }
  return { weight, bias: Float32Array.from(mean, (value, i) => -value / (std?.[i] ?? 1)) };
}

/** Returns JavaScript that makes the input of an exported net from an image, for people who call it from another program. */
export function preprocessingText(
  preprocessing: Preprocessing,
  inputSize: ResolvedVggOptions['inputSize'],
  inside: boolean,
): string[] {
  const { mean, std = mean.map(() => 1), range = 255, channels = 'RGB' } = preprocessing;
  const { resize = 'shortest', interpolation = 'antialiased' } = preprocessing;
  const [height, width] = inputShape({ inputSize });
  const order = mean.length === 3 ? channels : mean.length === 1 ? 'grey' : `${mean.length} channels`;
  const side = evaluationScale(preprocessing, inputSize);
  const shape =
    height === width ? 'both sides' : `to the shape of ${height}x${width} (height x width), its smallest side`;
  const size = resize === 'stretch' ? `${shape} to ${side}` : `the smallest side to ${side}`;
  const lines = [`input: rescale ${size} (${interpolation}), cut ${height}x${width} from the centre`];
  if (inside)
    return [
      ...lines,
      `pixels: ${mean.length === 3 ? 'RGB' : order} from 0 to 255, as they are: the graph subtracts the mean`,
    ];
  const value = range === 255 ? 'pixel' : 'pixel / 255';
  return [...lines, `pixels: ${order}, (${value} - [${mean.join(', ')}]) / [${std.join(', ')}] for each channel`];
}
