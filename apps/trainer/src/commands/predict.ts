/** `predict`: the five likeliest classes of images, by the dense view over the run's own scales, and where they are seen. */
import { extname, resolve } from 'node:path';
import { didYouMean, isVggError, VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { RawImage } from '@vgg/data';
import { decodeImage } from '@vgg/data/node';
import { classMap, predict } from '@vgg/eval';
import { describeEngine, type EngineName, startEngine } from '../engine';
import { heatMapOver, heatMapScales } from '../heat-map';
import { print } from '../output';
import type { LoadedRun } from '../run-folder';
import { createTerminal } from '../terminal';
import { defaultScales, evaluatedNets, loadRuns } from './evaluate';

export interface PredictArguments {
  run: readonly string[];
  scales?: readonly number[];
  heatMap?: string;
  class?: string;
  engine: EngineName | 'auto';
  json: boolean;
  quiet: boolean;
}

interface ImageResult {
  image: string;
  classes: { name: string; probability: number }[];
}

/** Cells of a bar that stands for certainty. */
const BAR = 24;
/** Eighths of a cell. */
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

function bar(probability: number): string {
  const eighths = Math.round(probability * BAR * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + PARTS[eighths % 8]!;
}

/** The image, and its classes one a line: probability, name, bar. */
export function barLines({ image, classes }: ImageResult): string {
  const width = Math.max(...classes.map(({ name }) => name.length));
  const rows = classes.map(({ name, probability }) =>
    `  ${(100 * probability).toFixed(1).padStart(5)} %  ${name.padEnd(width)}  ${bar(probability)}`.trimEnd(),
  );
  return [image, ...rows].join('\n');
}

/** Longer side of a heat map, in pixels: that of the image within these. */
const HEAT_MAP_SIDES = [320, 1600] as const;

/** @throws VggError `VGG_ARGUMENT` for a heat map of several images, in no known format, or of no class of the runs. */
function checkHeatMap(
  images: readonly string[],
  { heatMap, class: wanted }: PredictArguments,
  names: readonly string[],
): void {
  if (wanted !== undefined && heatMap === undefined) {
    throw new VggError('argument', '--class says what --heat-map shows: add --heat-map OUT.png');
  }
  if (heatMap === undefined) return;
  if (images.length > 1) throw new VggError('argument', `--heat-map takes one image, got ${images.length}`);
  if (!/^\.(png|jpe?g)$/i.test(extname(heatMap))) {
    throw new VggError('argument', `--heat-map ${heatMap}: expected a name that ends in .png or .jpg`);
  }
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new VggError('argument', `--class ${wanted} is no class of the run${didYouMean(wanted, names)}`);
  }
}

async function writeHeatMap(
  image: RawImage,
  { heatMap, scales }: PredictArguments & { heatMap: string },
  { runs, classIndex, key }: { runs: readonly LoadedRun[]; classIndex: number; key: string },
): Promise<string> {
  const wanted = scales ?? heatMapScales(runs[0]!.record.transform);
  const map = await classMap({ nets: evaluatedNets(runs), image, classIndex, key, scales: wanted });
  const [least, most] = HEAT_MAP_SIDES;
  const side = Math.min(Math.max(image.width, image.height, least), most);
  try {
    await (await heatMapOver(image, map, side)).toFile(resolve(heatMap));
  } catch (error) {
    throw new VggError('io', `cannot write --heat-map ${heatMap}: ${systemReason(error)}`, { cause: error });
  }
  const [low, high] = [map.data.reduce((a, b) => Math.min(a, b), 1), map.data.reduce((a, b) => Math.max(a, b), 0)];
  const name = runs[0]!.record.classes[classIndex];
  return `where ${name} is seen, from ${(100 * low).toFixed(1)} % (dark) to ${(100 * high).toFixed(1)} %: ${heatMap}`;
}

export async function predictCommand(images: readonly string[], options: PredictArguments): Promise<void> {
  const terminal = createTerminal({ stream: process.stderr, quiet: options.quiet });
  terminal.say(describeEngine(await startEngine(options.engine)));
  const runs = await loadRuns(options.run.map((path) => resolve(path)));
  const scales = options.scales ?? defaultScales(runs);
  const names = runs[0]!.record.classes;
  const results: ImageResult[] = [];
  const failures: string[] = [];
  const { heatMap } = options;
  try {
    checkHeatMap(images, options, names);
    for (const image of images) {
      try {
        const file = { kind: 'file', path: resolve(image) } as const;
        const pixels = await decodeImage(
          file,
          image,
          Math.max(...scales, heatMap === undefined ? 0 : HEAT_MAP_SIDES[1]),
        );
        const { classes, probabilities } = await predict({ nets: evaluatedNets(runs), image: pixels, scales });
        const result = { image, classes: classes.map((c, i) => ({ name: names[c]!, probability: probabilities[i]! })) };
        results.push(result);
        if (!options.json) await print(barLines(result));
        if (heatMap !== undefined) {
          const classIndex = options.class === undefined ? classes[0]! : names.indexOf(options.class);
          terminal.say(await writeHeatMap(pixels, { ...options, heatMap }, { runs, classIndex, key: image }));
        }
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
