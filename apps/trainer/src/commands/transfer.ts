/** `transfer`: linear classifiers on descriptors of a net, and a search for similar images (Appendix B). */
import { resolve } from 'node:path';
import { cacheFolder, listenForInterruption } from '@vgg/core/node';
import { findImages, type Layout, openSource } from '@vgg/data/node';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import {
  type CachedDescribeOptions,
  type ClassifierKind,
  describeWithCache,
  foundItems,
  type MeanOfSplits,
  nearest,
  savePredictor,
  type TransferResult,
  transfer,
} from '@vgg/transfer/node';
import { locateImages, reportSkipped } from '../images/data-set';
import { describeData } from '../images/describe';
import { preparedNet, type UsableNet } from '../nets/named-net';
import { findNet } from '../nets/reference';
import { print, table } from '../terminal/output';
import type { Progress, Terminal } from '../terminal/terminal';

/** Arguments of `transfer`. */
export interface TransferArguments {
  weights: string;
  data: string;
  layout?: Layout;
  scales?: readonly number[];
  combine: 'average' | 'stack';
  tap?: string;
  flip: boolean;
  cache?: string;
  classifier: ClassifierKind;
  C?: readonly number[];
  perClass: number;
  testPerClass: number;
  splits: number;
  seed: number;
  out?: string;
  nearest?: string;
  neighbours: number;
  strict: boolean;
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

/** Trains and measures a classifier, and writes the predictor. */
async function classifyData(
  net: UsableNet,
  options: TransferArguments & CachedDescribeOptions,
  { terminal, signal, show }: { terminal: Terminal; signal: AbortSignal; show: ReturnType<typeof progressOf>['show'] },
): Promise<void> {
  const { weights: name, out, perClass, layout } = options;
  const data = await openSource(await locateImages(options.data, terminal), { layout });
  describeData(data, terminal);
  const result = await transfer(net, data, {
    ...options,
    name,
    kind: options.classifier,
    withPredictor: out !== undefined,
    signal,
    onDescribe: show('descriptors', 'images'),
    onFit: show('classifiers', 'fits'),
  });
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
  options: TransferArguments & CachedDescribeOptions & { nearest: string },
  { terminal, show }: { terminal: Terminal; show: ReturnType<typeof progressOf>['show'] },
): Promise<void> {
  const query = await describeWithCache(net, foundItems(findImages([options.nearest])), { ...options, strict: true });
  const found = foundItems(findImages([await locateImages(options.data, terminal)]));
  const onProgress = show('descriptors', 'images');
  const { descriptors, items, skipped } = await describeWithCache(net, found, {
    ...options,
    onProgress: (images) => onProgress(images, found.length),
  });
  reportSkipped(skipped, terminal);
  const neighbours = nearest(descriptors, query.descriptors.values, options.neighbours).map(({ row, distance }) => ({
    image: found[items[row]!]!.key,
    distance,
  }));
  if (options.json) return print(JSON.stringify(neighbours, null, 2));
  await print(neighbours.map(({ image, distance }) => `${distance.toFixed(4)}  ${image}`).join('\n'));
}

export async function runTransfer(options: TransferArguments, terminal: Terminal): Promise<void> {
  const engine = await startEngine(options.engine, options.device);
  terminal.say(describeEngine(engine));
  const net = await preparedNet(options.weights, terminal);
  const interruption = listenForInterruption(() => terminal.say('stopping; the same command continues from here'));
  const progress = progressOf(terminal);
  const { signal } = interruption;
  const common = {
    ...options,
    combination: options.combine,
    folder: options.cache === undefined ? cacheFolder('descriptors') : resolve(options.cache),
    precision: /float16/.test(engine.name) ? engine.name : 'float32',
    signal,
  };
  try {
    if (options.nearest === undefined) await classifyData(net, common, { terminal, signal, show: progress.show });
    else await searchData(net, { ...common, nearest: options.nearest }, { terminal, show: progress.show });
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
