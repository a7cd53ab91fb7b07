/** `predict`: prints the five most likely classes of images, and draws heat maps. */
import { didYouMean, VggError } from '@vgg/core';
import { findImages } from '@vgg/data/node';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import { type Guess, heatMap, type MapMethod } from '@vgg/eval';
import { HeatMapFiles } from '@vgg/report';
import { type Guesser, runGuesser, weightsGuesser } from '../evaluate/guesser';
import { isBoxRun } from '../run/folder';
import type { Terminal } from '../terminal/terminal';
import { predictEach } from './each-image';

/** Arguments of `predict`; exactly one of `run` and `weights` is given. */
export interface PredictArguments {
  run?: readonly string[];
  /** A weight file, or a published net's name. */
  weights?: string;
  scales?: readonly number[];
  /** A file, or a folder for several images. */
  heatMap?: string;
  heatMapMethod?: MapMethod;
  class?: string;
  /** Folder for the images with boxes. */
  boxes?: string;
  engine: EngineName | 'auto';
  json: boolean;
  quiet: boolean;
}

interface ImageResult {
  image: string;
  classes: Pick<Guess, 'name' | 'probability'>[];
}

/** Width of a probability bar, in characters. */
const BAR = 24;
/** Bars of 0 to 7 eighths of a character. */
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

function bar(probability: number): string {
  const eighths = Math.round(probability * BAR * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + PARTS[eighths % 8]!;
}

/** Returns the image's name and a line for each class: probability, name, bar. */
export function barLines({ image, classes }: ImageResult): string {
  const width = classes.reduce((longest, { name }) => Math.max(longest, name.length), 0);
  const rows = classes.map(({ name, probability }) =>
    `  ${(100 * probability).toFixed(1).padStart(5)} %  ${name.padEnd(width)}  ${bar(probability)}`.trimEnd(),
  );
  return [image, ...rows].join('\n');
}

/** Returns the files of the heat maps. @throws VggError `VGG_ARGUMENT` for an unknown format or class. */
function heatMapFiles(
  images: number,
  { heatMap: target, class: wanted, heatMapMethod: method }: PredictArguments,
  names: readonly string[],
): HeatMapFiles | undefined {
  if (target === undefined) {
    const option = wanted !== undefined ? '--class' : method !== undefined && '--heat-map-method';
    if (option) throw new VggError('argument', `${option} is an option of heat maps: add --heat-map DIR`);
    return undefined;
  }
  const files = new HeatMapFiles(target, images);
  if (wanted === undefined || names.includes(wanted)) return files;
  throw new VggError('argument', `--class ${wanted} is not a class of the net${didYouMean(wanted, names)}`);
}

/** @throws VggError `VGG_ARGUMENT` for an option that does not apply to the net: heat maps show classes, boxes need a run of boxes. */
function checkBoxOptions(isBoxes: boolean, { boxes, heatMap, heatMapMethod, class: wanted }: PredictArguments): void {
  if (!isBoxes) {
    if (boxes === undefined) return;
    throw new VggError('argument', '--boxes needs a run of train --task localise: name one by --run, or leave it out');
  }
  const options = { '--heat-map': heatMap, '--heat-map-method': heatMapMethod, '--class': wanted };
  const other = Object.entries(options).find(([, value]) => value !== undefined);
  if (other === undefined) return;
  throw new VggError(
    'argument',
    `${other[0]} does not apply to a run of boxes: leave it out, or name a run of classes`,
  );
}

function openGuesser({ run = [], weights, scales }: PredictArguments, terminal: Terminal): Promise<Guesser> {
  return weights === undefined ? runGuesser(run, scales, terminal) : weightsGuesser(weights, scales, terminal);
}

export async function runPredict(
  words: readonly string[],
  options: PredictArguments,
  terminal: Terminal,
): Promise<void> {
  const isBoxes = await isBoxRun(options.run?.[0]);
  checkBoxOptions(isBoxes, options);
  const inputs = findImages(words);
  terminal.say(describeEngine(await startEngine(options.engine)));
  if (isBoxes) return (await import('./predict-boxes')).predictBoxRuns(inputs, options, terminal);
  const guesser = await openGuesser(options, terminal);
  try {
    const files = heatMapFiles(inputs.length, options, guesser.classes);
    const nets = files && guesser.nets();
    await predictEach(inputs, { json: options.json, terminal }, async (pixels, name, show) => {
      const guesses = await guesser.guess(pixels);
      const result = { image: name, classes: guesses.map(({ name, probability }) => ({ name, probability })) };
      await show(result, barLines(result));
      if (files === undefined || nets === undefined) return;
      const { class: wanted, heatMapMethod: method = 'occlusion' } = options;
      const scales = options.scales ?? guesser.heatMapScales(method);
      const classIndex = wanted === undefined ? guesses[0]!.index : guesser.classes.indexOf(wanted);
      const map = await heatMap({ nets, image: pixels, classIndex, key: name, scales, method });
      const path = await files.write(pixels, map, name);
      terminal.say(`${map.method} of ${guesser.classes[classIndex]} at Q = ${scales.join(', ')}: ${path}`);
    });
  } finally {
    guesser.dispose();
  }
}
