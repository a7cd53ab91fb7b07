/** The net that a run starts with: weights drawn, or taken from a run before it (section 3.1) or from a file. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { createVgg, fromTrainedA, layerVariables, planLayers, type ResolvedVggOptions, type Vgg } from '@vgg/models';
import { isKnownName } from '@vgg/weights';
import { initialiserOf } from '../recipe/build';
import { recipeFor } from '../recipe/file';
import type { Settings } from '../recipe/settings';
import type { Terminal } from '../terminal/terminal';
import { firstWeights, isWeightFile } from './first-weights';
import { hasWeights, loadRun, type RunRecord, readRecord } from './folder';

/** What two nets must share for one to start with the other's weights; the last layer may differ. */
const SHARED = ['configuration', 'batchNorm', 'width', 'head'] as const;

/** What keeps a net from starting with the weights of another, if anything. The input's size does where it shapes the classifier. */
function difference(
  from: ResolvedVggOptions,
  to: ResolvedVggOptions,
): 'inputSize' | (typeof SHARED)[number] | undefined {
  const shapes = (net: ResolvedVggOptions) =>
    planLayers({ ...net, classes: to.classes })
      .flatMap(layerVariables)
      .map(({ shape }) => shape.join());
  const differing = SHARED.find((option) => from[option] !== to[option]);
  return differing ?? (shapes(from).join(';') === shapes(to).join(';') ? undefined : 'inputSize');
}

/**
 * Checks that the run to start from is there, before anything costly is computed; says so when it has not finished.
 * @throws VggError `VGG_RUN` when it is not; where a recipe makes it, with the command to run first.
 */
export async function checkPredecessor({ preInit, weights, data }: Settings, terminal: Terminal): Promise<void> {
  const path = preInit ?? weights;
  if (path === undefined || isWeightFile(path) || (weights !== undefined && !existsSync(path) && isKnownName(path)))
    return;
  const first = existsSync(path) ? undefined : recipeFor(path);
  if (first !== undefined) {
    const command = `pnpm --filter trainer start train --recipe ${first}${data === undefined ? '' : ` --data ${data}`}`;
    throw new VggError('run', `this run starts from ${path}, which is not there; first run: ${command}`);
  }
  await readRecord(resolve(path));
  if (hasWeights({ path })) return;
  terminal.warn(`${path} has not been trained to its end: this run starts from its best weights so far`);
}

/**
 * A net with its first weights, as the recipe says.
 * @throws VggError `VGG_RUN` when the run to take weights from is none, or of another net; for a file as `firstWeights`.
 */
export async function firstNet({ recipe, net }: Pick<RunRecord, 'recipe' | 'net'>): Promise<Vgg> {
  const initialiser = initialiserOf(recipe);
  if (recipe.preInit !== undefined) {
    const { record, model } = await loadRun(recipe.preInit);
    try {
      const { configuration } = record.net;
      if (configuration !== 'A') {
        throw new VggError(
          'run',
          `--pre-init needs a run of configuration A, ${recipe.preInit} is of ${configuration}`,
        );
      }
      return createVgg(net, fromTrainedA({ weights: model.variables, rest: initialiser }));
    } finally {
      model.dispose();
    }
  }
  if (recipe.weights !== undefined && isWeightFile(recipe.weights)) {
    const given = await (await firstWeights(recipe.weights, net)).read();
    return createVgg(net, (spec) => given.get(spec.name) ?? initialiser(spec));
  }
  if (recipe.weights !== undefined) {
    const { record, model } = await loadRun(recipe.weights);
    const differing = difference(record.net, net);
    if (differing !== undefined) {
      model.dispose();
      throw new VggError(
        'run',
        `--weights needs a run of the same net: its ${differing} is ${record.net[differing]}, expected ${net[differing]}`,
      );
    }
    if (record.net.classes !== net.classes) model.replaceHead(net.classes, initialiser);
    if (record.net.inputSize === net.inputSize) return model;
    const larger = createVgg(net, ({ name }) => model.variables.get(name)!.dataSync() as Float32Array);
    model.dispose();
    return larger;
  }
  return createVgg(net, initialiser);
}
