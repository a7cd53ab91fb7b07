/** `train --task localise`: trains a net that predicts boxes (appendix A), and measures it as in the paper's Tables 8 and 9. */
import { join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { listenForInterruption, writeFileAtomically } from '@vgg/core/node';
import { DEMO_IMAGES, makeDemoBoxes } from '@vgg/data/node';
import { describeEngine, startEngine } from '@vgg/engine';
import { type BoxRow, measureBoxes, openBoxes, trainBoxes } from '@vgg/localise/node';
import { extrasOf, optimiserOf, resolveRecipe, scheduleOf } from '@vgg/recipes';
import { loadNet } from '@vgg/weights/node';
import { locateImages, trainingTransform } from '../images/data-set';
import { netReference } from '../nets/reference';
import { weightFile } from '../nets/weight-file';
import type { TrainArguments } from '../run/arguments';
import { trainingDisplay } from '../run/display';
import { environment } from '../run/environment';
import { createRunFolder, openRunFolder, type RunRecord, readRecord, saveRecord } from '../run/folder';
import { netOfWeights, settingsOfWeights } from '../run/net-of-weights';
import { COMMAND } from '../terminal/command';
import { print, shellWord, table } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

/** Name of the measurements in the run folder. */
export const BOX_ROWS = 'localisation.json';

/** Largest number of validation images that are measured after the training. */
const MEASURED = 1000;

/** Options that do not apply to boxes. */
const WITHOUT_BOXES = [
  ...(['labelSmoothing', 'cutMix', 'mixUp', 'trivialAugment', 'classWeights', 'sampling', 'preInit'] as const),
  ...(['ranks', 'ui', 'dryRun', 'smoke', 'findRate'] as const),
];

/** Returns the record of the run: that of the run to resume, or a new one. */
async function recordOf(options: TrainArguments, terminal: Terminal): Promise<RunRecord & { out: string }> {
  if (options.resume !== undefined) {
    const out = resolve(String(options.resume));
    const { recipe, ...record } = await readRecord(out);
    const { movedData: data = recipe.data, moreEpochs: epochs = recipe.epochs } = options;
    return { ...record, recipe: { ...recipe, data: resolve(data), epochs }, out };
  }
  const other = WITHOUT_BOXES.find((name) => !['none', 'all', false, 0, 1, undefined].includes(options[name]));
  if (other !== undefined) throw new VggError('argument', `${other} does not apply to --task localise: leave it out`);
  const known = options.weights === undefined ? undefined : await netOfWeights(options.weights);
  if (known?.classes === undefined) {
    throw new VggError('argument', '--task localise starts from a net that knows its classes: add --weights RUN');
  }
  const { classes, net } = known;
  const data = options.data === undefined ? resolve('runs/demo-images') : await locateImages(options.data, terminal);
  if (options.data === undefined) await makeDemoBoxes(data, DEMO_IMAGES);
  const { train, validation } = await openBoxes(data, { classes, validationFraction: options.valFraction });
  if (train === undefined) throw new VggError('dataset', `${data} has no training images with boxes`);
  const settings = { ...options, ...settingsOfWeights(options, known, options.given ?? new Set()) };
  const recipe = resolveRecipe(settings, data, train.length);
  const { transform } = await trainingTransform(recipe, train, { ...options, terminal });
  return {
    format: 'vgg-run',
    version: 1,
    created: new Date().toISOString(),
    recipe,
    net,
    classes,
    transform,
    images: { train: train.length, validation: validation?.length ?? 0 },
    environment: environment(await startEngine(options.engine, options.device)),
    out: resolve(options.out ?? `runs/localise-${new Date().toISOString().slice(0, 19).replaceAll(/\D/g, '')}`),
  };
}

/** Returns the rows as a table: windows, Q, errors, IoU. */
function rowsTable(rows: readonly BoxRow[]): string {
  const header = ['windows', 'Q', 'error % of the true class', 'top-5 error %', 'top-1 error %', 'mean IoU'];
  const cells = ({ protocol, scales, trueClassError, top5Error, top1Error, meanOverlap }: BoxRow) => {
    const errors = [trueClassError, top5Error, top1Error].map((error) => error.toFixed(1));
    return [protocol, scales.join(', '), ...errors, meanOverlap.toFixed(3)];
  };
  return table(header, rows.map(cells), 2);
}

export async function runLocalise(options: TrainArguments, terminal: Terminal): Promise<void> {
  const { engine, device, workers, strict, checkpointEvery, json } = options;
  const started = await startEngine(engine, device);
  terminal.say(describeEngine(started));
  const { out, ...record } = await recordOf(options, terminal);
  const { recipe, classes, transform: augmented } = record;
  const net = await loadNet(await weightFile(netReference(recipe.weights!), terminal));
  const { train, validation } = await openBoxes(recipe.data, { classes, validationFraction: recipe.valFraction });
  const { mean, std, range, channels, interpolation } = net.transform!;
  const transform = { ...augmented, mean, std, range, channels, interpolation };
  const folder = options.resume === undefined ? createRunFolder(out, options) : openRunFolder(out, options);
  const interruption = listenForInterruption(() => terminal.say('stopping: saving the run'));
  const optimiser = optimiserOf(recipe);
  const { batch, microBatch, epochs, validateEvery, maxSteps, regression } = recipe;
  const display = trainingDisplay({
    terminal,
    record: () => {},
    epochs,
    validateEvery,
    maxSteps,
    batchesPerEpoch: Math.floor(train!.length / batch),
    batch,
    validationImages: validation?.length ?? 0,
    classes: classes.length,
    mayEndEarly: recipe.schedule === 'plateau' || recipe.earlyStop > 0,
  });
  try {
    await saveRecord(folder, record);
    terminal.say(
      `training boxes of ${classes.length} classes (${regression}) on ${train!.length} images; the run is ${out}`,
    );
    const { result, model } = await trainBoxes({
      ...extrasOf(recipe),
      epochs,
      validateEvery,
      maxSteps,
      microBatch,
      batch,
      regression,
      seed: recipe.seed,
      freeze: recipe.freeze,
      schedule: (steps) => scheduleOf(recipe, steps),
      optimiser,
      classifier: net.model,
      train: train!,
      validation,
      transform,
      run: folder,
      workers,
      strict,
      checkpointEvery,
      signal: interruption.signal,
      onEvent: display.onEvent,
    });
    display.end();
    if (result.reason === 'interrupted') {
      terminal.say(`saved after step ${result.step}; continue with: ${COMMAND} train --resume ${shellWord(out)}`);
      process.exitCode = interruption.exitCode;
      return;
    }
    const source = validation ?? train!;
    const progress = terminal.progress('measuring', 4 * Math.min(source.length, MEASURED), 'images');
    const rows = await measureBoxes({
      classifier: net,
      localisers: [{ model, transform: net.transform }],
      source,
      scale: transform.scale,
      input: transform.crop,
      limit: MEASURED,
      signal: interruption.signal,
      onProgress: (done) => progress.update(done),
    }).finally(() => progress.end());
    await writeFileAtomically(join(out, BOX_ROWS), [Buffer.from(`${JSON.stringify(rows, null, 2)}\n`)]);
    await print(json ? JSON.stringify({ run: out, ...result, rows }, null, 2) : rowsTable(rows));
    terminal.say(`use it: ${COMMAND} predict --run ${shellWord(out)} IMAGE --boxes FOLDER`);
  } finally {
    display.end();
    interruption.end();
    optimiser.dispose();
    folder.close();
  }
}
