/** The settings of a net that follow from the weights that it starts with. */

import { VggError } from '@vgg/core';
import { cropText } from '@vgg/data';
import type { ResolvedVggOptions } from '@vgg/models';
import type { SettingName, Settings } from '@vgg/recipes';
import { netUse, recogniseNet } from '@vgg/weights';
import { openWeights } from '@vgg/weights/node';
import { architectureText, inputText } from '../nets/net-text';
import { findNet } from '../nets/reference';
import { weightFile } from '../nets/weight-file';
import type { Terminal } from '../terminal/terminal';
import { readRecord } from './folder';

/** Net of a run or of a weight file. */
export interface NetOfWeights {
  readonly net: ResolvedVggOptions;
  /** Smallest side of its images before the crop, if it is known. */
  readonly scale: Settings['scale'];
  /** Class names in the order of its outputs; undefined if they are not known. */
  readonly classes: readonly string[] | undefined;
}

/**
 * Returns the net whose weights a text names; undefined if there is no such net. A published one is downloaded.
 * @throws VggError as `readRecord` and `recogniseNet`.
 */
export async function netOfWeights(text: string, terminal: Terminal): Promise<NetOfWeights | undefined> {
  const reference = findNet(text);
  if (reference?.kind === 'run') {
    const { net, transform, classes } = await readRecord(reference.folder);
    return { net, classes, scale: transform.scale };
  }
  if (reference === undefined) return undefined;
  const source = await openWeights(await weightFile(reference, terminal));
  try {
    const weights = recogniseNet(source);
    const { classes, transform } = await netUse(source, weights);
    const known = !classes.every((name, i) => name === String(i));
    return { net: weights.options, classes: known ? classes : undefined, scale: transform?.scale };
  } finally {
    await source.close();
  }
}

/** Settings that the weights determine. */
type NetSettings = Pick<Settings, 'config' | 'batchNorm' | 'width' | 'input' | 'head' | 'scale'>;

/**
 * Returns the settings of a net that starts with weights: those of the weights' net, except for the ones in `kept`.
 * @param kept settings given on the command line; the recipe's too if the recipe names the weights.
 */
export function settingsOfWeights(
  settings: Settings,
  { net, scale }: NetOfWeights,
  kept: ReadonlySet<SettingName>,
): NetSettings {
  const { configuration, batchNorm, width, inputSize, head } = net;
  if (typeof configuration !== 'string' || net.channels !== undefined) {
    throw new VggError(
      'argument',
      `the weights are of net ${architectureText(net)}, input ${inputText(net)}; train takes nets of the paper for RGB ` +
        'images: train this one with fit of @vgg/train',
    );
  }
  const input = kept.has('input') ? settings.input : inputSize;
  const own: NetSettings = {
    config: configuration,
    batchNorm,
    width,
    input,
    head: head === 'none' ? settings.head : head,
    // At another input size the scale follows from it.
    scale: cropText(input) === cropText(inputSize) ? scale : undefined,
  };
  const names = Object.keys(own) as (keyof NetSettings)[];
  return Object.fromEntries(names.map((name) => [name, kept.has(name) ? settings[name] : own[name]])) as NetSettings;
}
