/** `predict` with a run of `train --task localise`: prints the most probable classes with their boxes, and draws the boxes. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isVggError } from '@vgg/core';
import { findImages, readFoundImage } from '@vgg/data/node';
import { locate } from '@vgg/localise';
import { BOX_MODEL, BoxFolder, type BoxRow, bestRow, loadLocaliser, objectText } from '@vgg/localise/node';
import { loadNet } from '@vgg/weights/node';
import { netReference } from '../nets/reference';
import { weightFile } from '../nets/weight-file';
import { readRecord } from '../run/folder';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';
import { BOX_ROWS } from './localise';
import type { PredictArguments } from './predict';

export async function predictBoxRun(
  words: readonly string[],
  { run = [], boxes, scales, json }: PredictArguments,
  terminal: Terminal,
): Promise<void> {
  const { recipe } = await readRecord(resolve(run[0]!));
  const classifier = await loadNet(await weightFile(netReference(recipe.weights!), terminal));
  const localisers = await Promise.all(run.map((path) => loadLocaliser(join(resolve(path), BOX_MODEL))));
  // The windows and scales with the lowest error on the validation images.
  const file = join(resolve(run[0]!), BOX_ROWS);
  const best = existsSync(file) ? bestRow(JSON.parse(readFileSync(file, 'utf8')) as BoxRow[]) : undefined;
  const plan = { classifier, localisers, protocol: best?.protocol, scales: scales ?? best?.scales };
  const folder = boxes === undefined ? undefined : new BoxFolder(boxes);
  const results: object[] = [];
  for (const input of findImages(words)) {
    try {
      const image = await readFoundImage(input, undefined);
      const objects = await locate(image, plan);
      results.push({ image: input.name, objects });
      if (!json) await print([input.name, ...objects.map((object) => `  ${objectText(object)}`)].join('\n'));
      if (folder !== undefined) terminal.say(`drew ${await folder.write(input.name, image, objects)}`);
    } catch (error) {
      if (!isVggError(error) || error.code !== 'VGG_IMAGE') throw error;
      terminal.warn(error.message);
      process.exitCode = 2;
    }
  }
  if (json) await print(JSON.stringify(results, null, 2));
}
