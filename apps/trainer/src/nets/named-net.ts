/** A net by what a person calls its weights, with its own preprocessing and class names: ready to be used, not trained. */
import { existsSync } from 'node:fs';
import { VggError } from '@vgg/core';
import { isKnownName, type LoadedNet, loadNet, openWeights } from '@vgg/weights';
import { loadKnown, openBytes } from '@vgg/weights/node';
import type { Terminal } from '../terminal/terminal';
import { weightFile } from './weight-file';

/** A classifier that knows how it takes its images. */
export type UsableNet = LoadedNet & { readonly transform: NonNullable<LoadedNet['transform']> };

async function loadFile(path: string): Promise<LoadedNet> {
  const source = await openWeights(await openBytes(path));
  try {
    return await loadNet(source);
  } finally {
    await source.close();
  }
}

/**
 * Loads the net that a word stands for: a file of any format, a run's weights, or a published net, which is fetched. The
 * caller disposes its model.
 * @throws VggError `VGG_ARGUMENT` when there is no such net, it has no classifier or nothing says how it takes its images;
 *   `VGG_WEIGHTS` when the file is damaged or holds no net; what fetching throws.
 */
export async function usableNet(word: string, terminal: Terminal): Promise<UsableNet> {
  const path = await weightFile(word, terminal);
  const net = await (isKnownName(word) && !existsSync(word) ? loadKnown(word) : loadFile(path));
  const { transform, model, naming, format } = net;
  if (model.options.head !== 'none' && transform !== undefined) return { ...net, transform };
  model.dispose();
  if (model.options.head === 'none') {
    throw new VggError('argument', `${word} has no classifier, and names no class: take a file with the whole net`);
  }
  throw new VggError(
    'argument',
    `nothing says how the net in ${word} takes its images (${format}, names of ${naming}): save it with its preprocessing`,
  );
}
