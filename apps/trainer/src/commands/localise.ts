/** `train --task localise`: trains a net that predicts boxes (appendix A), and measures it as in the paper's Tables 8 and 9. */
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { listenForInterruption } from '@vgg/core/node';
import { cropText } from '@vgg/data';
import { DEMO_IMAGES, makeDemoBoxes } from '@vgg/data/node';
import { describeEngine, startEngine } from '@vgg/engine';
import { openBoxes, ROW_HEADER, rowCells, trainAndMeasure } from '@vgg/localise/node';
import {
  checkArguments,
  checkFreezing,
  extrasOf,
  optimiserOf,
  resolveRecipe,
  type Settings,
  scheduleOf,
} from '@vgg/recipes';
import { locateImages, skippedNotice, trainingTransform } from '../images/data-set';
import { loadClassifier } from '../nets/weight-file';
import type { TrainArguments } from '../run/arguments';
import { trainingDisplay } from '../run/display';
import { environment } from '../run/environment';
import { createRunFolder, lastRun, openRunFolder, readRecord, saveRecord } from '../run/folder';
import { netOfWeights, settingsOfWeights } from '../run/net-of-weights';
import { COMMAND } from '../terminal/command';
import { print, shellWord, table } from '../terminal/output';
import type { Progress, Terminal } from '../terminal/terminal';

/** Largest number of validation images that are measured after the training. */
const MEASURED = 1000;

/** Options that do not apply to boxes. */
const WITHOUT_BOXES = [
  ...(['labelSmoothing', 'cutMix', 'mixUp', 'trivialAugment', 'classWeights', 'sampling', 'preInit'] as const),
  ...(['checkDuplicates', 'ranks', 'ui', 'dryRun', 'smoke', 'findRate'] as const),
];

/** Settings that do not apply to boxes, whatever their value: the last layer and the folder of the boxes are of one kind. */
const UNUSED = ['layout', 'init'] as const;

/** Settings of the net, which are those of its weights. */
const OF_NET = ['config', 'batchNorm', 'width', 'input', 'head'] as const;

/** @throws VggError `VGG_ARGUMENT` for settings given on the command line that are not those of the weights. */
function checkNet(options: TrainArguments, settings: Settings): void {
  const text = (name: (typeof OF_NET)[number], { input, ...others }: Settings) =>
    name === 'input' ? cropText(input) : String(others[name]);
  for (const name of OF_NET) {
    const [given, own] = [options, settings].map((one) => text(name, one));
    if (!options.given?.has(name) || given === own || given === 'auto') continue;
    throw new VggError(
      'argument',
      `--task localise takes the net of --weights ${options.weights}, whose ${name} is ${own}, got ${given}: leave it out`,
    );
  }
}

/** @throws VggError `VGG_ARGUMENT` for an option without effect. */
function checkOptions(options: TrainArguments): void {
  const isUsed = (name: (typeof WITHOUT_BOXES)[number]) =>
    !['none', 'all', false, 0, 1, undefined].includes(options[name]);
  const other = WITHOUT_BOXES.find(isUsed) ?? UNUSED.find((name) => options.given?.has(name));
  if (other !== undefined) throw new VggError('argument', `${other} does not apply to --task localise: leave it out`);
}

/** Returns the settings of a new run, with the folder of its images; without one, the demo's images and boxes are drawn. */
async function settingsOf(options: TrainArguments, terminal: Terminal): Promise<Settings> {
  const known = options.weights === undefined ? undefined : await netOfWeights(options.weights, terminal);
  if (known?.classes === undefined)
    throw new VggError('argument', '--task localise starts from a net that knows its classes: add --weights RUN');
  const data = options.data === undefined ? resolve('runs/demo-images') : await locateImages(options.data, terminal);
  if (options.data === undefined) await makeDemoBoxes(data, DEMO_IMAGES);
  const kept = new Set(options.given?.has('scale') ? (['scale'] as const) : []);
  const settings = { ...options, ...settingsOfWeights(options, known, kept), data };
  checkNet(options, settings);
  checkArguments(settings);
  return settings;
}

export async function runLocalise(options: TrainArguments, terminal: Terminal): Promise<void> {
  checkOptions(options);
  const engine = await startEngine(options.engine, options.device);
  terminal.say(describeEngine(engine));
  const created = new Date().toISOString();
  const {
    resume,
    movedData,
    moreEpochs,
    out = `runs/localise-${created.slice(0, 19).replaceAll(/\D/g, '')}`,
  } = options;
  const path = resume === true ? lastRun(resolve('runs')) : resolve(resume ?? out);
  const begun = resume === undefined ? undefined : await readRecord(path);
  const settings = begun?.recipe ?? (await settingsOf(options, terminal));
  const data = resolve(movedData ?? settings.data!);
  const net = await loadClassifier(settings.weights!, terminal);
  const { classes } = net;
  const { workers, strict, checkpointEvery } = options;
  const set = await openBoxes(data, { classes, validationFraction: settings.valFraction, strict });
  const { train, validation, empty } = set;
  const notice = skippedNotice(terminal);
  notice.update(set.skipped);
  if (empty > 0) terminal.say(`${empty} images without an object are left out`);
  if (train === undefined) throw new VggError('dataset', `${data} has no training images with boxes`);
  const recipe = { ...resolveRecipe(settings, data, train.length), epochs: moreEpochs ?? settings.epochs };
  const prepared = begun ?? (await trainingTransform(recipe, train, { ...options, terminal }));
  const { transform } = prepared;
  if ('skipped' in prepared) notice.update(prepared.skipped);
  const optimiser = optimiserOf(recipe, net.model.options);
  checkFreezing(net.model.options, recipe);
  const folder = begun === undefined ? createRunFolder(path, options) : openRunFolder(path, options);
  const interruption = listenForInterruption(() => terminal.say('stopping: saving the run'));
  const display = trainingDisplay({
    ...recipe,
    terminal,
    record: () => {},
    batchesPerEpoch: Math.floor(train.length / recipe.batch),
    validationImages: validation?.length ?? 0,
    classes: classes.length,
    mayEndEarly: recipe.schedule === 'plateau' || recipe.earlyStop > 0,
  });
  let progress: Progress | undefined;
  try {
    const images = { train: train.length, validation: validation?.length ?? 0 };
    const record = { format: 'vgg-run', version: 1, created, net: net.model.options, classes, transform } as const;
    await saveRecord(folder, { ...record, environment: environment(engine), ...begun, recipe, images });
    const { batch, microBatch, epochs, validateEvery, maxSteps, regression, freeze, seed } = recipe;
    const { result, rows, skipped } = await trainAndMeasure({
      batch,
      microBatch,
      epochs,
      validateEvery,
      maxSteps,
      regression,
      freeze,
      seed,
      ...extrasOf(recipe),
      workers,
      strict,
      checkpointEvery,
      schedule: (steps) => scheduleOf(recipe, steps),
      optimiser,
      classifier: net,
      train,
      validation,
      transform,
      run: folder,
      signal: interruption.signal,
      onEvent: display.onEvent,
      onTrained: display.end,
      measure: {
        limit: MEASURED,
        onProgress: (done, all) => {
          progress ??= terminal.progress('measuring', all, 'images');
          progress.update(done);
        },
      },
    });
    notice.update(skipped);
    const unused = notice.all();
    if (options.json) await print(JSON.stringify({ run: path, ...result, skipped: unused, rows }, null, 2));
    else await print(table(ROW_HEADER, rows.map(rowCells), 2));
    terminal.say(`use it: ${COMMAND} predict --run ${shellWord(path)} IMAGE --boxes FOLDER`);
  } catch (error) {
    if (error !== interruption.signal.reason) throw error;
    terminal.say(`saved; continue with: ${COMMAND} train --resume ${shellWord(path)}`);
    process.exitCode = interruption.exitCode;
  } finally {
    display.end();
    progress?.end();
    interruption.end();
    optimiser.dispose();
    folder.close();
  }
}
