/** `predict`: prints the five most likely classes of images, and draws heat maps. */
import { didYouMean, isVggError, VggError } from '@vgg/core';
import { findImages, readFoundImage } from '@vgg/data/node';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import { type Guess, heatMap, type MapMethod } from '@vgg/eval';
import { HeatMapFiles } from '@vgg/report';
import { type Guesser, runGuesser, weightsGuesser } from '../evaluate/guesser';
import { isBoxRun } from '../run/folder';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

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

function openGuesser({ run = [], weights, scales }: PredictArguments, terminal: Terminal): Promise<Guesser> {
  return weights === undefined ? runGuesser(run, scales, terminal) : weightsGuesser(weights, scales, terminal);
}

/** Returns true if an error is the fault of one image, so that the others can be predicted. */
function isImageFault(error: unknown): error is VggError {
  if (!isVggError(error)) return false;
  const { code, details } = error;
  return code === 'VGG_IMAGE' || (code === 'VGG_IO' && ('path' in details || 'address' in details));
}

/** Prints results as one JSON list, and holds one of them at a time: there may be a million. */
function jsonList() {
  let held: string | undefined;
  return {
    async add(result: ImageResult): Promise<void> {
      if (held !== undefined) await print(`${held},`);
      held = `${held === undefined ? '[\n' : ''}${JSON.stringify(result, null, 2).replace(/^/gm, '  ')}`;
    },
    end: () => print(held === undefined ? '[]' : `${held}\n]`),
  };
}

export async function runPredict(
  words: readonly string[],
  options: PredictArguments,
  terminal: Terminal,
): Promise<void> {
  const inputs = findImages(words);
  terminal.say(describeEngine(await startEngine(options.engine)));
  if (await isBoxRun(options.run?.[0]))
    return (await import('./predict-boxes')).predictBoxRuns(words, options, terminal);
  const guesser = await openGuesser(options, terminal);
  const list = jsonList();
  let failures = 0;
  try {
    const files = heatMapFiles(inputs.length, options, guesser.classes);
    const nets = files && guesser.nets();
    for (const input of inputs) {
      try {
        const pixels = await readFoundImage(input);
        const guesses = await guesser.guess(pixels);
        const result = { image: input.name, classes: guesses.map(({ name, probability }) => ({ name, probability })) };
        await (options.json ? list.add(result) : print(barLines(result)));
        if (files !== undefined && nets !== undefined) {
          const { class: wanted, heatMapMethod: method = 'occlusion' } = options;
          const scales = options.scales ?? guesser.heatMapScales(method);
          const classIndex = wanted === undefined ? guesses[0]!.index : guesser.classes.indexOf(wanted);
          const map = await heatMap({ nets, image: pixels, classIndex, key: input.name, scales, method });
          const path = await files.write(pixels, map, input.name);
          terminal.say(`${map.method} of ${guesser.classes[classIndex]} at Q = ${scales.join(', ')}: ${path}`);
        }
      } catch (error) {
        if (!isImageFault(error)) throw error;
        if (inputs.length === 1) throw new VggError('image', error.message, { cause: error });
        failures += 1;
        terminal.warn(error.message);
      }
    }
    if (options.json) await list.end();
  } finally {
    guesser.dispose();
  }
  if (failures > 0) throw new VggError('image', `${failures} of ${inputs.length} images could not be read`);
}
