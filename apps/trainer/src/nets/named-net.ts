/** Nets loaded for use, not for training: with their own preprocessing and class names. */
import { VggError } from '@vgg/core';
import type { LoadedNet } from '@vgg/weights';
import { loadKnown, loadNet } from '@vgg/weights/node';
import type { Terminal } from '../terminal/terminal';
import { netReference } from './reference';
import { weightFile } from './weight-file';

/** Net with known preprocessing. */
export type UsableNet = LoadedNet & { readonly transform: NonNullable<LoadedNet['transform']> };

/**
 * Loads the net that a text names: a file of any format, the weights of a run, or a published net, which is downloaded. The
 * caller disposes its model.
 * @throws VggError `VGG_ARGUMENT` when there is no such net or its preprocessing is not known; `VGG_WEIGHTS` when the file is damaged
 *   or does not hold a net; what the download throws.
 */
export async function preparedNet(text: string, terminal: Terminal): Promise<UsableNet> {
  const reference = netReference(text);
  const path = await weightFile(reference, terminal);
  const net = await (reference.kind === 'published' ? loadKnown(reference.name) : loadNet(path));
  const { transform, model, naming, format } = net;
  if (transform !== undefined) return { ...net, transform };
  model.dispose();
  throw new VggError(
    'argument',
    `the preprocessing of the net in ${text} is not known (${format}, names of ${naming}): save it with its preprocessing`,
  );
}

/** Loads a net with a classifier, as {@link preparedNet}. @throws VggError `VGG_ARGUMENT` for a net without one, in addition. */
export async function usableNet(text: string, terminal: Terminal): Promise<UsableNet> {
  const net = await preparedNet(text, terminal);
  if (net.model.options.head !== 'none') return net;
  net.model.dispose();
  throw new VggError('argument', `${text} has no classifier: use a file with the whole net`);
}
