/** The net that a run starts with: initialised randomly, from an earlier run (section 3.1) or from a weight file. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import type { Rgb } from '@vgg/data';
import {
  createVgg,
  fromTrainedA,
  type Initialiser,
  layerVariables,
  planLayers,
  type ResolvedVggOptions,
  type Vgg,
} from '@vgg/models';
import { initialWeights, openWeights } from '@vgg/weights';
import { openBytes } from '@vgg/weights/node';
import { findNet, netReference } from '../nets/reference';
import { hasWeights } from '../nets/run-files';
import { initialiserOf } from '../recipe/build';
import { recipeFor } from '../recipe/file';
import type { Settings } from '../recipe/settings';
import type { Terminal } from '../terminal/terminal';
import { loadRun, type RunRecord, readRecord } from './folder';

/** A net with its first weights. The caller disposes the model. */
export interface FirstNet {
  readonly model: Vgg;
  /** Mean that the weights expect to be subtracted from RGB on the 0..255 scale; undefined for the mean of the images. */
  readonly mean?: Rgb | undefined;
}

/** Options in which two nets must agree for one to start with the weights of the other; the last layer may differ. */
const SHARED = ['configuration', 'batchNorm', 'width', 'head'] as const;

/** Returns the option that keeps a net from starting with the weights of another, if any: the input side if it changes shapes. */
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
 * Checks that the net to start from exists, before anything costly is computed; warns if its run has not finished.
 * @throws VggError `VGG_RUN` when a run is missing, with the command that makes it if a recipe does; as `netReference`.
 */
export async function checkPredecessor({ preInit, weights, data }: Settings, terminal: Terminal): Promise<void> {
  const path = preInit ?? weights;
  if (path === undefined) return;
  const recipe = existsSync(path) ? undefined : recipeFor(path);
  if (recipe !== undefined) {
    const command = `pnpm --filter trainer start train --recipe ${recipe}${data === undefined ? '' : ` --data ${data}`}`;
    throw new VggError('run', `this run starts from ${path}, which does not exist; first run: ${command}`);
  }
  if (preInit === undefined && netReference(path).kind !== 'run') return;
  await readRecord(resolve(path));
  if (hasWeights({ path })) return;
  terminal.warn(`${path} has not been trained to its end: this run starts from its best weights so far`);
}

/** Returns a net with the first four convolutions and the head of a trained net A (section 3.1). */
async function fromRunOfA(run: string, net: ResolvedVggOptions, initialiser: Initialiser): Promise<Vgg> {
  const { record, model } = await loadRun(run);
  try {
    const { configuration } = record.net;
    if (configuration !== 'A') {
      throw new VggError('run', `--pre-init needs a run of configuration A, ${run} is of ${configuration}`);
    }
    return createVgg(net, fromTrainedA({ weights: model.variables, rest: initialiser }));
  } finally {
    model.dispose();
  }
}

/** Returns a net with the weights of a run of the same net; other classes get a new last layer. */
async function fromRun(run: string, net: ResolvedVggOptions, initialiser: Initialiser): Promise<Vgg> {
  const { record, model } = await loadRun(run);
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
  const weights = new Map<string, Float32Array>();
  for (const [name, variable] of model.variables) weights.set(name, (await variable.data()) as Float32Array);
  const larger = createVgg(net, ({ name }) => weights.get(name)!);
  model.dispose();
  return larger;
}

/** Returns a net with the weights of a file; layers that do not fit are initialised randomly, and the terminal names them. */
async function fromFile(
  path: string,
  net: ResolvedVggOptions,
  initialiser: Initialiser,
  terminal: Terminal,
): Promise<FirstNet> {
  const source = await openWeights(await openBytes(path));
  try {
    const { mean, missing, read } = await initialWeights(source, net);
    const layers =
      missing.length === 0 ? 'all layers' : `all layers except ${missing.join(', ')} (initialised randomly)`;
    terminal.say(`starting from ${path}: ${layers}`);
    if (mean === undefined) terminal.warn(`${path} does not contain its mean: the mean of the images is subtracted`);
    const weights = await read();
    return { mean, model: createVgg(net, (spec) => weights.get(spec.name) ?? initialiser(spec)) };
  } finally {
    await source.close();
  }
}

/**
 * Creates the net of a recipe with its first weights.
 * @throws VggError `VGG_RUN` when the run to take weights from is missing or of another net; for a file as `initialWeights`.
 */
export async function firstNet(
  { recipe, net }: Pick<RunRecord, 'recipe' | 'net'>,
  terminal: Terminal,
): Promise<FirstNet> {
  const initialiser = initialiserOf(recipe);
  const { preInit, weights } = recipe;
  if (preInit !== undefined) return { model: await fromRunOfA(preInit, net, initialiser) };
  if (weights === undefined) return { model: createVgg(net, initialiser) };
  const reference = findNet(weights);
  if (reference?.kind === 'file') return fromFile(reference.path, net, initialiser, terminal);
  return { model: await fromRun(weights, net, initialiser) };
}
