/** `predict`: prints the five most likely classes of images, and draws heat maps. */
import { extname, resolve } from 'node:path';
import { didYouMean, isVggError, VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { RawImage } from '@vgg/data';
import { findImages, readFoundImage } from '@vgg/data/node';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import { classMap, type Guess } from '@vgg/eval';
import { heatMapOver, heatRange, withLegend } from '@vgg/report';
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
  heatMap?: string;
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

/** Smallest and largest length of a heat map's longer side, in pixels. */
const HEAT_MAP_SIDES = [320, 1600] as const;

/** Checks the options of the heat map. @throws VggError `VGG_ARGUMENT` for several images, an unknown format or class. */
function checkHeatMap(images: number, { heatMap, class: wanted }: PredictArguments, names: readonly string[]): void {
  if (wanted !== undefined && heatMap === undefined) {
    throw new VggError('argument', '--class selects the class of a heat map: add --heat-map OUT.png');
  }
  if (heatMap === undefined) return;
  if (images > 1) throw new VggError('argument', `--heat-map takes one image, got ${images}`);
  if (!/^\.(png|jpe?g)$/i.test(extname(heatMap))) {
    throw new VggError('argument', `--heat-map ${heatMap}: expected a name that ends in .png or .jpg`);
  }
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new VggError('argument', `--class ${wanted} is not a class of the net${didYouMean(wanted, names)}`);
  }
}

async function writeHeatMap(
  image: RawImage,
  { heatMap, scales }: PredictArguments & { heatMap: string },
  { guesser, classIndex, key }: { guesser: Guesser; classIndex: number; key: string },
): Promise<string> {
  const wanted = scales ?? guesser.heatMapScales();
  const map = await classMap({ nets: guesser.nets(), image, classIndex, key, scales: wanted });
  const [least, most] = HEAT_MAP_SIDES;
  const side = Math.min(Math.max(image.width, image.height, least), most);
  const range = heatRange(map);
  try {
    await (await withLegend(await heatMapOver(image, map, side), range)).toFile(resolve(heatMap));
  } catch (error) {
    throw new VggError('io', `cannot write --heat-map ${heatMap}: ${systemReason(error)}`, { cause: error });
  }
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  return `heat map of ${guesser.classes[classIndex]}, from ${percent(range.low)} (dark) to ${percent(range.high)} (bright), at Q = ${wanted.join(', ')}: ${heatMap}`;
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
  const { heatMap } = options;
  const list = jsonList();
  let failures = 0;
  try {
    checkHeatMap(inputs.length, options, guesser.classes);
    if (heatMap !== undefined) guesser.nets();
    for (const input of inputs) {
      try {
        const pixels = await readFoundImage(input);
        const guesses = await guesser.guess(pixels);
        const result = { image: input.name, classes: guesses.map(({ name, probability }) => ({ name, probability })) };
        await (options.json ? list.add(result) : print(barLines(result)));
        if (heatMap !== undefined) {
          const classIndex = options.class === undefined ? guesses[0]!.index : guesser.classes.indexOf(options.class);
          terminal.say(await writeHeatMap(pixels, { ...options, heatMap }, { guesser, classIndex, key: input.name }));
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
