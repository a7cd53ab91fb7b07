/** `transfer`: linear classifiers on descriptors of a net, and a search for similar images (Appendix B). */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { cacheFolder, listenForInterruption } from '@vgg/core/node';
import { type Layout, openSource } from '@vgg/data/node';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import {
  type MeanOfSplits,
  type SearchOptions,
  savePredictor,
  searchImages,
  type TransferOptions,
  type TransferResult,
  transfer,
} from '@vgg/transfer/node';
import { locateImages, reportSkipped } from '../images/data-set';
import { describeData } from '../images/describe';
import { preparedNet, type UsableNet } from '../nets/named-net';
import { findNet } from '../nets/reference';
import { print, table } from '../terminal/output';
import type { Progress, Terminal } from '../terminal/terminal';

/** Options of the classifier and the descriptors; those of the command line have the same names. */
type LibraryOptions = Omit<TransferOptions, 'C' | 'name' | 'folder' | 'precision' | 'signal' | 'onDescribe' | 'onFit'>;

/** Arguments of `transfer`. */
export interface TransferArguments extends LibraryOptions, Pick<SearchOptions, 'neighbours'> {
  weights: string;
  data: string;
  layout?: Layout;
  cache?: string;
  /** Values of C. Not `--C`: the loader of tfjs-node-gpu, node-pre-gyp, reads it as its own option. */
  cost?: readonly number[];
  perClass: number;
  out?: string;
  nearest?: string;
  engine: EngineName | 'auto';
  device?: string;
  json: boolean;
  quiet: boolean;
}

/** Shows the progress of one task after another. */
function progressOf(terminal: Terminal) {
  let shown: { title: string; progress: Progress } | undefined;
  const end = () => shown?.progress.end();
  return {
    end,
    show: (title: string, unit: string) => (done: number, of: number) => {
      if (shown?.title !== title) {
        end();
        shown = { title, progress: terminal.progress(title, of, unit) };
      }
      shown.progress.update(done);
    },
  };
}

const percent = (value: number) => (100 * value).toFixed(1);

function meanText({ mean, standardError: error }: MeanOfSplits): string {
  return error === null ? percent(mean) : `${percent(mean)} ± ${percent(error)}`;
}

function resultTable({ study }: TransferResult): string {
  const columns = ['split', 'training', 'test', 'C', 'accuracy %', 'mean class accuracy %', 'mean AP %'];
  const rows = study.splits.map(({ train, test, C, accuracy, meanClassAccuracy, meanAveragePrecision }, i) => [
    ...[i + 1, train, test, C].map(String),
    ...[accuracy, meanClassAccuracy, meanAveragePrecision].map(percent),
  ]);
  const means = [study.accuracy, study.meanClassAccuracy, study.meanAveragePrecision].map(meanText);
  return table(columns, rows.length === 1 ? rows : [...rows, ['mean ± standard error', '', '', '', ...means]]);
}

/** Measures a classifier and writes the predictor. */
async function classifyData(net: UsableNet, options: TransferArguments & TransferOptions, terminal: Terminal) {
  const { weights: name, out, perClass, layout } = options;
  if (out !== undefined && !existsSync(dirname(resolve(out)))) {
    throw new VggError('argument', `cannot write --out ${out}: there is no folder ${dirname(out)}`);
  }
  const data = await openSource(await locateImages(options.data, terminal), { layout });
  describeData(data, terminal);
  terminal.say(`describing the images of ${data.classes.length} classes by ${name}`);
  const result = await transfer(net, data, { ...options, withPredictor: out !== undefined });
  reportSkipped(result.skipped, terminal);
  const { images, width, known, smallClasses, seconds, predictor } = result;
  terminal.say(
    `${images} descriptors of ${width} numbers (${known} kept from before) in ${seconds.descriptors.toFixed(1)} s, ` +
      `classifiers in ${seconds.classifiers.toFixed(1)} s`,
  );
  if (smallClasses > 0) {
    terminal.say(`${smallClasses} classes have ${perClass} images or fewer: all but one of them are used for training`);
  }
  if (predictor !== undefined) {
    // A published net is found by its name anywhere; any other one is put into the file.
    await savePredictor(resolve(out!), predictor, findNet(name)?.kind === 'published' ? undefined : net);
    terminal.say(`predict --weights ${out} uses the predictor`);
  }
  const { predictor: _, ...shown } = result;
  await print(options.json ? JSON.stringify(shown, null, 2) : resultTable(result));
}

/** Prints the images of a folder that are most like one image. */
async function searchData(
  net: UsableNet,
  query: string,
  options: TransferArguments & SearchOptions,
  terminal: Terminal,
) {
  const { found, skipped } = await searchImages(net, query, [await locateImages(options.data, terminal)], options);
  reportSkipped(skipped, terminal);
  const lines = found.map(({ image, distance }) => `${distance.toFixed(4)}  ${image}`);
  await print(options.json ? JSON.stringify(found, null, 2) : lines.join('\n'));
}

export async function runTransfer(options: TransferArguments, terminal: Terminal): Promise<void> {
  const engine = await startEngine(options.engine, options.device);
  terminal.say(describeEngine(engine));
  const net = await preparedNet(options.weights, terminal);
  const interruption = listenForInterruption(() => terminal.say('stopping; the same command continues from here'));
  const progress = progressOf(terminal);
  const common = {
    ...options,
    name: options.weights,
    C: options.cost,
    folder: options.cache === undefined ? cacheFolder('descriptors') : resolve(options.cache),
    precision: /float16/.test(engine.name) ? engine.name : 'float32',
    signal: interruption.signal,
    onDescribe: progress.show('descriptors', 'images'),
    onFit: progress.show('classifiers', 'fits'),
  };
  try {
    if (options.nearest === undefined) await classifyData(net, common, terminal);
    else await searchData(net, options.nearest, common, terminal);
  } catch (error) {
    progress.end();
    if (interruption.exitCode !== undefined) process.exit(interruption.exitCode);
    throw error;
  } finally {
    progress.end();
    interruption.end();
    net.model.dispose();
  }
}
