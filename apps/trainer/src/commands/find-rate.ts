/** `train --find-rate`: trains with a rising learning rate, and draws the loss to choose a rate from (arXiv:1506.01186). */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findRate, type RateLoss, rateChart, suggestRate } from '@vgg/train';
import { trainingTransform } from '../images/data-set';
import type { TrainArguments } from '../run/arguments';
import { checkPredecessor, firstNet } from '../run/first-net';
import { planRun } from '../run/plan';
import { stepOptions, trainingBatches } from '../run/step';
import { print, table } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

const LOWEST = 1e-5;
const HIGHEST = 1;
const STEPS = 100;
/** File names of the plot and its numbers, in the current folder. */
const CHART = 'learning-rates.svg';
const NUMBERS = 'learning-rates.csv';

export async function runFindRate(options: TrainArguments, terminal: Terminal): Promise<void> {
  await checkPredecessor(options, terminal);
  const { recipe, data, net } = await planRun(options, terminal);
  const { workers, strict } = options;
  const { model } = await firstNet({ recipe, net, classes: data.classes }, terminal);
  const { transform } = await trainingTransform(recipe, data.train, { workers, strict, terminal });
  const training = trainingBatches({ recipe, data, transform, workers, strict });
  // The trial has no validations and needs no averages.
  const step = stepOptions(model, { ...recipe, earlyStop: 0, averageDecay: 0 }, data);
  const progress = terminal.progress('learning rates', STEPS, 'steps');
  terminal.say(`trying learning rates from ${LOWEST} to ${HIGHEST} in ${STEPS} steps`);
  let found: readonly RateLoss[];
  try {
    found = await findRate({
      ...step,
      lowest: LOWEST,
      highest: HIGHEST,
      steps: STEPS,
      batches: (epoch, start) => training.epoch(epoch, start),
      onStep: ({ length }) => progress.update(length),
    });
  } finally {
    progress.end();
    step.optimiser.dispose();
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
  await print(
    `\nsuggested: --rate ${suggested}, a third of the rate with the lowest loss. The plot is ${resolve(CHART)}`,
  );
}
