/** `predict` with runs of `train --task localise`: prints the most probable classes with their boxes, and draws the boxes. */
import { resolve } from 'node:path';
import type { FoundImage } from '@vgg/data/node';
import { locate } from '@vgg/localise';
import { BoxFolder, objectText, openBoxRuns } from '@vgg/localise/node';
import { loadClassifier } from '../nets/weight-file';
import { readRecord } from '../run/folder';
import type { Terminal } from '../terminal/terminal';
import { predictEach } from './each-image';
import type { PredictArguments } from './predict';

export async function predictBoxRuns(inputs: readonly FoundImage[], options: PredictArguments, terminal: Terminal) {
  const runs = options.run!.map((path) => resolve(path));
  const { recipe } = await readRecord(runs[0]!);
  const plan = await openBoxRuns(runs, await loadClassifier(recipe.weights!, terminal));
  const { boxes, json, scales = plan.scales } = options;
  const names = inputs.map(({ name }) => name);
  const folder = boxes === undefined ? undefined : new BoxFolder(boxes, names);
  await predictEach(inputs, { json, terminal }, async (image, name, show) => {
    const objects = await locate(image, { ...plan, scales });
    const lines = [name, ...objects.map((object) => `  ${objectText(object)}`)];
    await show({ image: name, objects }, lines.join('\n'));
    if (folder !== undefined) terminal.say(`drew ${await folder.write(name, image, objects)}`);
  });
}
