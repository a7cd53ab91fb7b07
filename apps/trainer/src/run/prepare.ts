/** From what a person asked for to a run ready to be trained: a new one, or one to go on with. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import type { ResolvedVggOptions } from '@vgg/models';
import { isKnownName } from '@vgg/weights';
import { writeFileAtomically } from '@vgg/weights/node';
import { describeEngine, type Engine, type EngineName, startEngine } from '../engine';
import { locateImages, type OpenedData, openTrainingData, reportSkipped, trainingTransform } from '../images/data-set';
import { DEMO_IMAGES, makeDemoImages } from '../images/demo-images';
import { weightFile } from '../nets/weight-file';
import { checkFreezing, initialiserOf, netOptions } from '../recipe/build';
import { formatRecipe } from '../recipe/file';
import { checkArguments, type Recipe, resolveRecipe } from '../recipe/recipe';
import { listenForInterruption } from '../terminal/interruption';
import type { Terminal } from '../terminal/terminal';
import type { SessionArguments, TrainArguments } from './arguments';
import { environment } from './environment';
import { checkPredecessor } from './first-net';
import { type FirstWeights, firstWeights, isWeightFile } from './first-weights';
import { createRunFolder, lastRun, openRunFolder, type RunRecord, readRecord, saveRecord } from './folder';
import { checkMemory } from './memory';
import type { Prepared } from './train';

/** In a run folder: its recipe once more, as a file that --recipe takes. */
const RECIPE = 'recipe.yaml';

/** Whether this is the demo, which draws its own images. */
function isDemo({ recipe, data, resume }: TrainArguments): boolean {
  return recipe === 'demo' && data === undefined && resume === undefined;
}

/** `runs/D-20260101-120000`, or the recipe's name for D. */
function defaultOut({ recipe, config }: TrainArguments): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `runs/${recipe === undefined ? config : basename(recipe).replace(/\.ya?ml$/, '')}-${time}`;
}

/** Where the images are; the demo draws its own first. */
async function imagesFolder(options: TrainArguments, terminal: Terminal): Promise<string> {
  if (options.data !== undefined) return locateImages(options.data, terminal);
  if (!isDemo(options)) throw new VggError('argument', `the recipe ${options.recipe} names no images: add --data DIR`);
  const folder = resolve('runs/demo-images');
  const interruption = listenForInterruption(() =>
    terminal.say('stopping: no run was begun yet, nothing is kept; the same command draws the images anew'),
  );
  try {
    if (await makeDemoImages(folder, DEMO_IMAGES, interruption.signal))
      terminal.say(`drew the demo's images in ${folder}`);
  } finally {
    interruption.end();
  }
  if (interruption.exitCode !== undefined) process.exit(interruption.exitCode);
  return folder;
}

/** A run as it would be: its recipe resolved for its images, its engine started; nothing is written. */
export interface PlannedRun {
  recipe: Recipe;
  data: OpenedData;
  net: ResolvedVggOptions;
  engine: Engine;
}

/** The options with a published net's name in `--weights` replaced by its file, which is fetched. */
async function withFetchedWeights(options: TrainArguments, terminal: Terminal): Promise<TrainArguments> {
  const { weights } = options;
  if (weights === undefined || existsSync(weights) || !isKnownName(weights)) return options;
  return { ...options, weights: await weightFile(weights, terminal) };
}

/** What the file in `--weights` gives, if it is a file, told to the terminal. */
async function startingFile(
  { recipe, net }: Pick<PlannedRun, 'recipe' | 'net'>,
  terminal: Terminal,
): Promise<FirstWeights | undefined> {
  if (recipe.weights === undefined || !isWeightFile(recipe.weights)) return undefined;
  const first = await firstWeights(recipe.weights, net);
  const drawn = first.drawn.length === 0 ? 'every layer' : `every layer but ${first.drawn.join(', ')} (drawn)`;
  terminal.say(`starting from ${recipe.weights}: ${drawn}`);
  if (first.mean === undefined) terminal.warn(`${recipe.weights} does not say its mean: the images' own is subtracted`);
  return first;
}

/** @throws VggError for options that contradict each other, images that cannot be used, a net that the engine cannot hold. */
export async function planRun(given: TrainArguments, terminal: Terminal): Promise<PlannedRun> {
  checkArguments(given);
  const options = await withFetchedWeights(given, terminal);
  initialiserOf(options);
  const path = await imagesFolder(options, terminal);
  const data = await openTrainingData(path, options);
  const recipe = resolveRecipe(options, path, data.train.length);
  if (recipe.batch > data.train.length) {
    throw new VggError(
      'argument',
      `a batch of ${recipe.batch} needs as many images, ${path} has ${data.train.length} for training: lower --batch`,
    );
  }
  const engine = await startEngine(options.engine);
  terminal.say(describeEngine(engine));
  const net = netOptions(recipe, data.classes.length);
  checkFreezing(net, recipe);
  checkMemory(net, recipe, engine.name);
  return { recipe, data, net, engine };
}

export async function prepareNew(options: TrainArguments, terminal: Terminal): Promise<Prepared> {
  await checkPredecessor(options, terminal);
  const { recipe, data, net, engine } = await planRun(options, terminal);
  const first = await startingFile({ recipe, net }, terminal);
  const folder = createRunFolder(resolve(options.out ?? defaultOut(options)), options);
  const { transform: own, skipped } = await trainingTransform(recipe, data.train, { ...options, terminal });
  const transform = first?.mean === undefined ? own : { ...own, mean: first.mean };
  reportSkipped(skipped, terminal);
  const record: RunRecord = {
    format: 'vgg-run',
    version: 1,
    created: new Date().toISOString(),
    ...(isDemo(options) && { demo: true }),
    recipe,
    net,
    classes: data.classes,
    transform,
    images: { train: data.train.length, validation: data.validation?.length ?? 0 },
    environment: environment(engine),
  };
  await saveRecord(folder, record);
  const text = `# The settings of this run, resolved: "train --recipe ${RECIPE} --out NEW" repeats it.\n\n${formatRecipe(recipe)}`;
  await writeFileAtomically(join(folder.path, RECIPE), [Buffer.from(text)]);
  return { folder, record, data, skipped };
}

/** The engine that the run began on, on which it reaches the very bits it would have; another if that cannot run here. */
async function resumedEngine(requested: EngineName | 'auto', begun: EngineName): Promise<Engine> {
  if (requested !== 'auto') return startEngine(requested);
  return startEngine(begun).catch(() => startEngine('auto'));
}

export async function prepareResumed(
  run: string | true,
  options: SessionArguments,
  terminal: Terminal,
): Promise<Prepared> {
  const path = run === true ? lastRun(resolve('runs')) : resolve(run);
  if (run === true) terminal.say(`the run trained last is ${path}`);
  const record = await readRecord(path);
  const folder = openRunFolder(path, options);
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
