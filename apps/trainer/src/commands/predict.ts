/** `predict`: the five likeliest classes of images, by the dense view over the run's own scales. */
import { resolve } from 'node:path';
import { isVggError, VggError } from '@vgg/core';
import { decodeImage } from '@vgg/data/node';
import { predict } from '@vgg/eval';
import { describeEngine, type EngineName, startEngine } from '../engine';
import { print } from '../output';
import { createTerminal } from '../terminal';
import { defaultScales, evaluatedNets, loadRuns } from './evaluate';

export interface PredictArguments {
  run: readonly string[];
  scales?: readonly number[];
  engine: EngineName | 'auto';
  json: boolean;
  quiet: boolean;
}

interface ImageResult {
  image: string;
  classes: { name: string; probability: number }[];
}

function lines({ image, classes }: ImageResult): string {
  const rows = classes.map(({ name, probability }) => {
    const bar = '█'.repeat(Math.round(probability * 24));
    return `  ${(100 * probability).toFixed(1).padStart(5)} %  ${name.padEnd(24)} ${bar}`.trimEnd();
  });
  return [image, ...rows].join('\n');
}

export async function predictCommand(images: readonly string[], options: PredictArguments): Promise<void> {
  const terminal = createTerminal({ stream: process.stderr, quiet: options.quiet });
  terminal.say(describeEngine(await startEngine(options.engine)));
  const runs = await loadRuns(options.run.map((path) => resolve(path)));
  const scales = options.scales ?? defaultScales(runs);
  const names = runs[0]!.record.classes;
  const results: ImageResult[] = [];
  const failures: string[] = [];
  try {
    for (const image of images) {
      try {
        const pixels = await decodeImage({ kind: 'file', path: resolve(image) }, image, Math.max(...scales));
        const { classes, probabilities } = await predict({ nets: evaluatedNets(runs), image: pixels, scales });
        const result = { image, classes: classes.map((c, i) => ({ name: names[c]!, probability: probabilities[i]! })) };
        results.push(result);
        if (!options.json) await print(lines(result));
      } catch (error) {
        if (!isVggError(error) || error.code !== 'VGG_IMAGE') throw error;
        failures.push(error.message);
        if (images.length > 1) terminal.warn(error.message);
      }
    }
  } finally {
    for (const { model } of runs) model.dispose();
  }
  if (options.json) await print(JSON.stringify(results, null, 2));
  if (failures.length === 1 && images.length === 1) throw new VggError('image', failures[0]!);
  if (failures.length > 0)
    throw new VggError('image', `${failures.length} of ${images.length} images could not be read`);
}
