/** `train --find-rate`: trains with a rising learning rate, and draws the loss to choose a rate from (arXiv:1506.01186). */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isVggError } from '@vgg/core';
import { createBatches } from '@vgg/data/node';
import type { Schedule } from '@vgg/optim';
import { fit } from '@vgg/train';
import { trainingTransform } from '../images/data-set';
import { extrasOf, optimiserOf } from '../recipe/build';
import type { TrainArguments } from '../run/arguments';
import { checkPredecessor, firstNet } from '../run/first-net';
import { planRun } from '../run/prepare';
import { type RateLoss, rateChart, suggestRate } from '../run/rate-range';
import { print, table } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

const LOWEST = 1e-5;
const HIGHEST = 1;
const STEPS = 100;
/** The trial ends when the loss is this many times the smallest one. */
const DIVERGED = 4;
/** File names of the plot and its numbers, in the current folder or next to --out. */
const CHART = 'learning-rates.svg';
const NUMBERS = 'learning-rates.csv';

/** Rate of a step: from the lowest to the highest, by equal factors. */
function rising(): Schedule {
  return {
    initial: null,
    rate: (_, step) => LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1)),
    observe: (state) => state,
    done: (_, step) => step >= STEPS,
  };
}

export async function findRate(options: TrainArguments, terminal: Terminal): Promise<void> {
  await checkPredecessor(options, terminal);
  const { recipe, data, net } = await planRun(options, terminal);
  const { workers, strict } = options;
  const { model } = await firstNet({ recipe, net, classes: data.classes }, terminal);
  const { transform } = await trainingTransform(recipe, data.train, { workers, strict, terminal });
  const training = createBatches(data.train, {
    transform: { ...transform, range: 255 },
    batchSize: recipe.batch,
    seed: recipe.seed,
    workers,
    strict,
  });
  const optimiser = optimiserOf(recipe, net);
  const found: RateLoss[] = [];
  const diverged = new AbortController();
  const progress = terminal.progress('learning rates', STEPS, 'steps');
  terminal.say(`trying learning rates from ${LOWEST} to ${HIGHEST} in ${STEPS} steps`);
  try {
    await fit({
      model,
      optimiser,
      schedule: rising(),
      ...extrasOf({ ...recipe, earlyStop: 0, averageDecay: 0 }),
      batches: (epoch, start) => training.epoch(epoch, start),
      microBatch: recipe.microBatch,
      epochs: STEPS,
      seed: recipe.seed,
      signal: diverged.signal,
      onEvent: (event) => {
        if (event.type !== 'step') return;
        found.push({ rate: event.rate, loss: event.metrics.loss });
        progress.update(found.length);
        const smallest = found.reduce((least, { loss }) => Math.min(least, loss), Number.POSITIVE_INFINITY);
        if (found.length > STEPS / 10 && event.metrics.loss > DIVERGED * smallest) diverged.abort();
      },
    });
  } catch (error) {
    // A rate that is too high ends the trial.
    if (!isVggError(error) || error.code !== 'VGG_NON_FINITE' || found.length === 0) throw error;
  } finally {
    progress.end();
    optimiser.dispose();
    model.dispose();
    await training.close();
  }
  const suggested = suggestRate(found);
  if (options.json) return print(JSON.stringify({ suggested, steps: found }, null, 2));
  await writeFile(CHART, rateChart(found, suggested));
  await writeFile(NUMBERS, `rate,loss\n${found.map(({ rate, loss }) => `${rate},${loss}`).join('\n')}\n`);
  const shown = found.filter((_, i) => i % 10 === 0);
  await print(
    table(
      ['rate', 'loss'],
      shown.map(({ rate, loss }) => [rate.toExponential(1), loss.toFixed(3)]),
      0,
    ),
  );
  await print(`\nsuggested: --rate ${suggested}, where the loss falls fastest. The plot is ${resolve(CHART)}`);
}
