/** The weight file of a net that a person names: downloaded first for a published net. */

import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { listenForInterruption } from '@vgg/core/node';
import { type KnownName, knownWeights, type LoadedNet, type SavedModel, type WeightSource } from '@vgg/weights';
import { fetchWeights, loadModel, loadNet, openWeights } from '@vgg/weights/node';
import type { Terminal } from '../terminal/terminal';
import { type NetReference, netReference } from './reference';
import { hasWeights, MODEL } from './run-files';

const MEGABYTE = 1e6;

/** Downloads a published net, or finds the copy kept by an earlier download. Ctrl-C keeps the part that was downloaded. */
async function fetchPublished(name: KnownName, terminal: Terminal): Promise<string> {
  const { url, licence } = knownWeights(name);
  const interruption = listenForInterruption(() => terminal.say('stopping; the next download continues from here'));
  let progress: ReturnType<Terminal['progress']> | undefined;
  try {
    return await fetchWeights(name, {
      signal: interruption.signal,
      onProgress: ({ received, total }) => {
        if (progress === undefined) terminal.say(`${name} from ${url} (${licence})`);
        progress ??= terminal.progress('downloading', Math.ceil((total ?? received) / MEGABYTE), 'MB');
        progress.update(Math.floor(received / MEGABYTE));
      },
    });
  } catch (error) {
    if (interruption.exitCode !== undefined) process.exit(interruption.exitCode);
    throw error;
  } finally {
    progress?.end();
    interruption.end();
  }
}

/**
 * Returns the path of a net's weight file.
 * @throws VggError `VGG_ARGUMENT` for a run that has not been trained to its end; what the download throws.
 */
export async function weightFile(reference: NetReference, terminal: Terminal): Promise<string> {
  switch (reference.kind) {
    case 'file':
      return reference.path;
    case 'published':
      return fetchPublished(reference.name, terminal);
    case 'run': {
      const path = join(reference.folder, MODEL);
      if (hasWeights({ path: reference.folder })) return path;
      throw new VggError('argument', `${reference.folder} has no ${MODEL} yet: train it to its end, or --resume it`);
    }
  }
}

/** Opens the weight file of the net that a text names. The caller closes it. Throws as `netReference` and {@link weightFile}. */
export async function openNamed(text: string, terminal: Terminal): Promise<WeightSource> {
  return openWeights(await weightFile(netReference(text), terminal));
}

/** Loads the classification net that a text names. Throws as `netReference`, {@link weightFile} and the loaders. */
export async function loadClassifier(text: string, terminal: Terminal): Promise<SavedModel | LoadedNet> {
  const reference = netReference(text);
  const file = await weightFile(reference, terminal);
  return reference.kind === 'run' ? loadModel(file) : loadNet(file);
}
