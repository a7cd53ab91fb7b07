/** Weights by what a person calls them: a file of any framework, a run, or a published net's name, which is then fetched. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { didYouMean, VggError } from '@vgg/core';
import { isKnownName, KNOWN_WEIGHTS, knownWeights, openWeights, type WeightSource } from '@vgg/weights';
import { fetchWeights, openBytes } from '@vgg/weights/node';
import { listenForInterruption } from '../terminal/interruption';
import type { Terminal } from '../terminal/terminal';

const RUN_MODEL = 'model.safetensors';
const MEGABYTE = 1e6;

/** Fetches a published net's file, or finds it where it was kept. Ctrl-C leaves what came for the next time. */
async function fetchKnown(name: string, terminal: Terminal): Promise<string> {
  const { url, licence } = knownWeights(name);
  const interruption = listenForInterruption(() => terminal.say('stopping; the next time goes on from here'));
  let progress: ReturnType<Terminal['progress']> | undefined;
  try {
    return await fetchWeights(name, {
      signal: interruption.signal,
      onProgress: ({ received, total }) => {
        if (progress === undefined) terminal.say(`${name} from ${url} (${licence})`);
        progress ??= terminal.progress('fetching', Math.ceil((total ?? received) / MEGABYTE), 'MB');
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
 * The path of the file that a word stands for.
 * @throws VggError `VGG_ARGUMENT` when it is no file, no run with weights and no known name; what fetching throws.
 */
export async function weightFile(word: string, terminal: Terminal): Promise<string> {
  const path = resolve(word);
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) return path;
    for (const name of [RUN_MODEL, 'model.json']) if (existsSync(join(path, name))) return join(path, name);
    throw new VggError('argument', `${word} is a folder without weights: expected ${RUN_MODEL} or model.json in it`);
  }
  if (isKnownName(word)) return fetchKnown(word, terminal);
  const known = Object.keys(KNOWN_WEIGHTS);
  const hint = didYouMean(word, known);
  throw new VggError('argument', `no file, run or published net "${word}"${hint}: published are ${known.join(', ')}`);
}

/** Opens the file that a word stands for. The caller closes it. */
export async function openNamed(word: string, terminal: Terminal): Promise<WeightSource> {
  return openWeights(await openBytes(await weightFile(word, terminal)));
}
