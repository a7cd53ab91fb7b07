/** `train`: from a folder of images to a run. Without images, the demo. */
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { PROTOCOLS } from '@vgg/eval';
import { createVgg, zeroInitialiser } from '@vgg/models';
import { type FitResult, restoreCheckpoint } from '@vgg/train';
import { openTrainingData, reportSkipped, trainingTransform } from '../data-set';
import { DEMO_IMAGES } from '../demo';
import { makeDemoImages } from '../demo-images';
import { describeEngine, type Engine, type EngineName, startEngine } from '../engine';
import { firstNet } from '../first-net';
import { checkMemory } from '../memory';
import { print, table } from '../output';
import { checkArguments, initialiserOf, netOptions, type Recipe, type RecipeArguments, resolveRecipe } from '../recipe';
import {
  createRunFolder,
  environment,
  type RunRecord,
  readRecord,
  runFolder,
  saveRecord,
  saveWeights,
} from '../run-folder';
import { createTerminal, type Terminal } from '../terminal';
import { type Prepared, runTraining } from '../training';
import { evaluateRuns, printEvaluation } from './evaluate';

export interface SessionArguments {
  engine: EngineName | 'auto';
  workers: number;
  strict: boolean;
  json: boolean;
  quiet: boolean;
}

export interface TrainArguments extends RecipeArguments, SessionArguments {
  out?: string;
  resume?: string;
}

/** `runs/D-20260101-120000`. */
function defaultOut(recipe: Pick<Recipe, 'config'>, demo: boolean): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `runs/${demo ? 'demo' : recipe.config}-${time}`;
}

/** Where the images are; the demo draws its own first. */
async function imagesFolder({ data }: TrainArguments, terminal: Terminal): Promise<string> {
  if (data !== undefined) return resolve(data);
  const folder = resolve('runs/demo-images');
  if (await makeDemoImages(folder, DEMO_IMAGES)) terminal.say(`drew the demo's images in ${folder}`);
  return folder;
}

async function prepareNew(options: TrainArguments, terminal: Terminal): Promise<Prepared> {
  checkArguments(options);
  initialiserOf(options);
  for (const path of [options.preInit, options.weights]) if (path !== undefined) await readRecord(resolve(path));
  const path = await imagesFolder(options, terminal);
  const data = await openTrainingData(path, options);
  const recipe = resolveRecipe(options, path, data.train.length);
  const engine = await startEngine(options.engine);
  terminal.say(describeEngine(engine));
  const net = netOptions(recipe, data.classes.length);
  checkMemory(net, recipe, engine.name);
  const folder = await createRunFolder(resolve(options.out ?? defaultOut(options, options.data === undefined)));
  const { transform, skipped } = await trainingTransform(recipe, data.train, { ...options, terminal });
  reportSkipped(skipped, terminal);
  const record: RunRecord = {
    format: 'vgg-run',
    version: 1,
    created: new Date().toISOString(),
    recipe,
    net,
    classes: data.classes,
    transform,
    images: { train: data.train.length, validation: data.validation?.length ?? 0 },
    environment: environment(engine.name),
  };
  await saveRecord(folder, record);
  return { folder, record, data, skipped };
}

/** The engine that the run began on, on which it reaches the very bits it would have; another if that cannot run here. */
async function resumedEngine(requested: EngineName | 'auto', begun: EngineName): Promise<Engine> {
  if (requested !== 'auto') return startEngine(requested);
  return startEngine(begun).catch(() => startEngine('auto'));
}

async function prepareResumed(path: string, options: TrainArguments, terminal: Terminal): Promise<Prepared> {
  const record = await readRecord(path);
  const folder = runFolder(path);
  const data = await openTrainingData(record.recipe.data, record.recipe);
  if (data.train.length !== record.images.train || data.classes.join('\n') !== record.classes.join('\n')) {
    throw new VggError(
      'run',
      `${path} was trained on ${record.images.train} images of ${record.classes.length} classes, ${record.recipe.data} now ` +
        `has ${data.train.length} of ${data.classes.length}: bring the old images back, or start a new run`,
    );
  }
  const engine = await resumedEngine(options.engine, record.environment.engine);
  terminal.say(describeEngine(engine));
  if (engine.name !== record.environment.engine) {
    terminal.warn(`the run began on engine ${record.environment.engine}: on ${engine.name} its last bits will differ`);
  }
  const checkpoint = await folder.checkpoints.newest();
  for (const { path: file, error } of checkpoint?.refused ?? []) terminal.warn(`passed over ${file}: ${error.message}`);
  return { folder, record, data, skipped: [], ...(checkpoint && { checkpoint }) };
}

function summaryTable({ training, validation, best }: FitResult): string {
  const row = (name: string, { loss, top1, top5 }: { loss: number; top1: number; top5: number }) => [
    name,
    loss.toFixed(4),
    top1.toFixed(2),
    top5.toFixed(2),
  ];
  const rows = [
    ...(training ? [row('training', training)] : []),
    ...(validation ? [row('validation', validation)] : []),
  ];
  const named = best === null ? '' : `\n\nbest top-1 error ${best.metric.toFixed(2)} % after epoch ${best.epoch + 1}`;
  return `${table(['last epoch', 'loss', 'top-1 error %', 'top-5 error %'], rows)}${named}`;
}

/** The demo's last part: the paper's kind of table for its validation images. */
function evaluateDemo(path: string, { strict }: TrainArguments, terminal: Terminal) {
  return evaluateRuns({ runs: [path], split: 'val', protocols: PROTOCOLS, strict }, terminal);
}

function whatNext(path: string): string {
  const start = 'pnpm --filter trainer start';
  return `
The run is in ${path}. What to try next:
  ${start} predict --run ${path} IMAGE        the five likeliest classes of a picture
  ${start} --config B --epochs 12             a deeper net on the same pictures
  ${start} train --data DIR                   your own pictures: one folder per class
  ${start} inspect --config D                 what the paper's 16-layer net costs
  ${start} train --help                       every option and its default`;
}

export async function trainCommand(options: TrainArguments): Promise<void> {
  const terminal = createTerminal({ stream: process.stderr, quiet: options.quiet });
  const demo = options.data === undefined && options.resume === undefined;
  const prepared = await (options.resume === undefined
    ? prepareNew(options, terminal)
    : prepareResumed(resolve(options.resume), options, terminal));
  const { folder, record } = prepared;
  const { train, validation } = record.images;
  terminal.say(
    `training ${record.net.configuration}${record.net.batchNorm ? ' with batch norm' : ''} on ${train} images of ` +
      `${record.classes.length} classes, ${validation} for validation; the run is ${folder.path}`,
  );
  const model = prepared.checkpoint === undefined ? await firstNet(record) : createVgg(record.net, zeroInitialiser());
  const { result, skipped: later, exitCode } = await runTraining(prepared, model, options, terminal);
  const fresh = later.filter(({ key }) => !prepared.skipped.some((known) => known.key === key));
  reportSkipped(fresh, terminal);
  const skipped = [...prepared.skipped, ...fresh];

  if (exitCode !== undefined && result.reason === 'interrupted') {
    terminal.say(
      `saved after step ${result.step}; go on with: pnpm --filter trainer start train --resume ${folder.path}`,
    );
    process.exitCode = exitCode;
  } else {
    const best = await folder.checkpoints.best();
    if (best !== undefined) restoreCheckpoint(best, model);
    await saveWeights(folder, model, record);
  }
  model.dispose();

  const evaluation =
    demo && result.reason !== 'interrupted' ? await evaluateDemo(folder.path, options, terminal) : undefined;
  if (options.json) {
    return print(JSON.stringify({ run: folder.path, ...result, skipped, ...(evaluation && { evaluation }) }, null, 2));
  }
  if (result.training !== undefined) await print(summaryTable(result));
  else if (result.reason !== 'interrupted')
    terminal.say(`nothing was left to train: the run ended after step ${result.step}`);
  if (evaluation !== undefined) {
    await printEvaluation(evaluation);
    await print(whatNext(folder.path));
  }
}
