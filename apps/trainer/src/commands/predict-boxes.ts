/** `predict` with runs of `train --task localise`: prints the most probable classes with their boxes, and draws the boxes. */
import { resolve } from 'node:path';
import { isVggError } from '@vgg/core';
import { findImages, readFoundImage } from '@vgg/data/node';
import { locate } from '@vgg/localise';
import { BoxFolder, objectText, openBoxRuns } from '@vgg/localise/node';
import { loadClassifier } from '../nets/weight-file';
import { readRecord } from '../run/folder';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';
import type { PredictArguments } from './predict';

export async function predictBoxRuns(words: readonly string[], options: PredictArguments, terminal: Terminal) {
  const runs = options.run!.map((path) => resolve(path));
  const { recipe } = await readRecord(runs[0]!);
  const plan = await openBoxRuns(runs, await loadClassifier(recipe.weights!, terminal));
  const folder = options.boxes === undefined ? undefined : new BoxFolder(options.boxes);
  const results: object[] = [];
  for (const input of findImages(words)) {
    try {
      const image = await readFoundImage(input);
      const objects = await locate(image, { ...plan, scales: options.scales ?? plan.scales });
      results.push({ image: input.name, objects });
      if (!options.json) await print([input.name, ...objects.map((object) => `  ${objectText(object)}`)].join('\n'));
      if (folder !== undefined) terminal.say(`drew ${await folder.write(input.name, image, objects)}`);
    } catch (error) {
      if (!isVggError(error) || error.code !== 'VGG_IMAGE') throw error;
      terminal.warn(error.message);
      process.exitCode = 2;
    }
  }
  if (options.json) await print(JSON.stringify(results, null, 2));
}
