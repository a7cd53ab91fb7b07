/** Nets in words, for output and reports. */
import { configurationText, inputShape, type ResolvedVggOptions } from '@vgg/models';

type Input = Pick<ResolvedVggOptions, 'inputSize' | 'channels'>;

/** Returns the columns of Table 1 or the table of a net, with its batch norm: `D with batch norm`. */
export function architectureText({ configuration, batchNorm }: ResolvedVggOptions): string {
  return `${configurationText(configuration)}${batchNorm ? ' with batch norm' : ''}`;
}

/** Returns the size of a net's input: `224×224`, `28×20 of 1 channel`. */
export function inputText(net: Input): string {
  const [height, width, channels] = inputShape(net);
  const of = channels === 3 ? '' : ` of ${channels} ${channels === 1 ? 'channel' : 'channels'}`;
  return `${height}×${width}${of}`;
}

/** Returns the size of a net's input as short as possible: `224` for a square of RGB. */
export function shortInputText(net: Input): string {
  const [height, width, channels] = inputShape(net);
  return height === width && channels === 3 ? String(height) : inputText(net);
}
