/** The net that a run starts with: initialised randomly, from an earlier run (section 3.1) or from a weight file. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import type { Rgb } from '@vgg/data';
import {
  configurationText,
  createVgg,
  fromTrainedA,
  type Initialiser,
  layersNamed,
  layerVariables,
  planLayers,
  type ResolvedVggOptions,
  type Vgg,
} from '@vgg/models';
import { initialiserOf, recipeFor, type Settings } from '@vgg/recipes';
import { IMAGENET_CLASSES, initialWeights } from '@vgg/weights';
import { architectureText, shortInputText } from '../nets/net-text';
import { findNet, netReference } from '../nets/reference';
import { hasWeights } from '../nets/run-files';
import { openNamed } from '../nets/weight-file';
import { COMMAND } from '../terminal/command';
import type { Terminal } from '../terminal/terminal';
import { loadRun, type RunRecord, readRecord } from './folder';
import { netOfWeights } from './net-of-weights';

/** A net with its first weights. The caller disposes the model. */
export interface FirstNet {
  readonly model: Vgg;
  /** Mean that the weights expect to be subtracted from RGB on the 0..255 scale; undefined for the mean of the images. */
  readonly mean?: Rgb | undefined;
}

/** Options in which two nets must agree for one to start with the weights of the other; the last layer may differ. */
const SHARED = ['configuration', 'batchNorm', 'width', 'head'] as const;

/** Returns an option of a net as text. */
function textOf(net: ResolvedVggOptions, option: keyof ResolvedVggOptions): string {
  if (option === 'configuration') return configurationText(net.configuration);
  return option === 'inputSize' ? shortInputText(net) : String(net[option]);
}

/** Returns the options that keep a net from starting with the weights of another, with both values: all of them. */
function differences(from: ResolvedVggOptions, to: ResolvedVggOptions, newHead: boolean): string[] {
  // Height and width of a fully-connected layer's window are not in its shape: 2×4 places have as many weights as 4×2.
  const shapes = (net: ResolvedVggOptions) =>
    planLayers({ ...net, classes: to.classes })
      .filter(({ name }) => name !== 'fc8' || !newHead)
      .flatMap((layer) => [
        ...layerVariables(layer).map(({ shape }) => shape.join()),
        ...(layer.kind === 'fullyConnected' ? [layer.window.join('x')] : []),
      ]);
  const differing: (keyof ResolvedVggOptions)[] = SHARED.filter(
    (option) => textOf(from, option) !== textOf(to, option),
  );
  // The input side counts only where it changes the shapes of the classifier.
  const sameNet = differing.length === 0;
  if (
    sameNet ? shapes(from).join(';') !== shapes(to).join(';') : textOf(from, 'inputSize') !== textOf(to, 'inputSize')
  ) {
    differing.push('inputSize');
  }
  return differing.map((option) => `${option} ${textOf(from, option)}, expected ${textOf(to, option)}`);
}

/** Returns a net in words: `net A with batch norm, width 0.25, input 64, head small`. */
function netText(net: ResolvedVggOptions): string {
  return `net ${architectureText(net)}, width ${net.width}, input ${shortInputText(net)}, head ${net.head}`;
}

/** Returns the reason for a new last layer; undefined if the weights' own fits the classes. */
function newHeadReason(
  from: readonly string[] | undefined,
  classes: readonly string[] | undefined,
): string | undefined {
  if (classes === undefined) return undefined;
  if (from === undefined) return 'the class names of the weights are not known';
  if (from.length !== classes.length) return `${classes.length} classes in place of ${from.length}`;
  const other = classes.findIndex((name, i) => name !== from[i]);
  if (other < 0 || (isImageNet(from) && classes.every((name) => SYNSET.test(name)))) return undefined;
  return `other classes: ${classes[other]} in place of ${from[other]}`;
}

/** Name of a class of ImageNet in its folders. Their order is that of the published nets. */
const SYNSET = /^n\d{8}$/;

function isImageNet(classes: readonly string[]): boolean {
  return classes.length === IMAGENET_CLASSES.length && classes.every((name, i) => name === IMAGENET_CLASSES[i]);
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
    const command = `${COMMAND} train --recipe ${recipe}${data === undefined ? '' : ` --data ${data}`}`;
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
      throw new VggError(
        'run',
        `--pre-init needs a run of configuration A, ${run} is of ${configurationText(configuration)}`,
      );
    }
    return createVgg(net, fromTrainedA({ weights: model.variables, rest: initialiser }));
  } finally {
    model.dispose();
  }
}

/** Options of the net to create. */
type Wanted = Pick<RunRecord, 'recipe' | 'net'> & {
  /** Class names; undefined for a resumed run, whose checkpoint holds its weights. */
  readonly classes?: readonly string[] | undefined;
};

/** Returns a net with the weights of a run of the same net; other classes get a new last layer. The terminal says so. */
async function fromRun(
  run: string,
  { net, classes }: Wanted,
  initialiser: Initialiser,
  terminal: Terminal,
): Promise<Vgg> {
  const { record, model } = await loadRun(run);
  const reason =
    newHeadReason(record.classes, classes) ?? (record.net.classes === net.classes ? undefined : 'other classes');
  const differing = differences(record.net, net, reason !== undefined);
  if (differing.length > 0) {
    model.dispose();
    throw new VggError(
      'run',
      `--weights needs a run of the same net, ${run} has ${differing.join('; ')}: leave out these options`,
    );
  }
  terminal.say(
    `starting from ${run}, ${netText(record.net)}: ` +
      (reason === undefined
        ? 'all layers are loaded'
        : `all layers are loaded but fc8, initialised randomly (${reason})`),
  );
  const weights = new Map<string, Float32Array>();
  for (const [name, variable] of model.variables) weights.set(name, (await variable.data()) as Float32Array);
  const started = createVgg(net, (spec) => {
    const isNew = reason !== undefined && spec.name.startsWith('fc8.');
    return isNew ? initialiser(spec) : weights.get(spec.name)!;
  });
  model.dispose();
  return started;
}

/** Returns a net with the weights of a file or of a published net; layers that do not fit are initialised randomly, and the terminal names them. */
async function fromFile(
  name: string,
  { net, classes }: Wanted,
  initialiser: Initialiser,
  terminal: Terminal,
): Promise<FirstNet> {
  const known = await netOfWeights(name, terminal);
  const source = await openNamed(name, terminal);
  try {
    const { mean, missing, read } = await initialWeights(source, net);
    const reason = missing.includes('fc8') ? undefined : newHeadReason(known?.classes, classes);
    const initialised = reason === undefined ? missing : [...missing, 'fc8'];
    const layers =
      initialised.length === 0
        ? 'all layers'
        : `all layers except ${initialised.join(', ')} (initialised randomly${reason === undefined ? '' : `: ${reason}`})`;
    terminal.say(`starting from ${name}, ${netText(net)}: ${layers}`);
    if (mean === undefined) terminal.warn(`${name} does not contain its mean: the mean of the images is subtracted`);
    const weights = await read();
    if (reason !== undefined) for (const name of ['fc8.weight', 'fc8.bias']) weights.delete(name);
    // The net is of RGB.
    return {
      mean: mean as Rgb | undefined,
      model: createVgg(net, (spec) => weights.get(spec.name) ?? initialiser(spec)),
    };
  } finally {
    await source.close();
  }
}

/**
 * Creates the net of a recipe with its first weights.
 * @throws VggError `VGG_RUN` when the run to take weights from is missing or of another net; for a file as `initialWeights`.
 */
export async function firstNet(wanted: Wanted, terminal: Terminal): Promise<FirstNet> {
  const { recipe, net } = wanted;
  const initialiser = initialiserOf(recipe);
  const { preInit, weights } = recipe;
  if (preInit !== undefined) return { model: await fromRunOfA(preInit, net, initialiser) };
  if (weights === undefined) return { model: createVgg(net, initialiser) };
  const kind = findNet(weights)?.kind ?? 'run';
  const first =
    kind === 'run'
      ? { model: await fromRun(weights, wanted, initialiser, terminal) }
      : await fromFile(weights, wanted, initialiser, terminal);
  sayTrained(net, recipe.freeze, terminal);
  return first;
}

/** Says which layers are frozen and which are trained. */
function sayTrained(net: ResolvedVggOptions, freeze: readonly string[], terminal: Terminal): void {
  const frozen = new Set(layersNamed(net, freeze));
  const trained = layersNamed(net, ['features', 'classifier']).filter((layer) => !frozen.has(layer));
  const which = trained.length <= 4 ? trained.join(', ') : `${trained.length} layers`;
  terminal.say(
    frozen.size === 0 ? 'no layer is frozen: all are trained' : `frozen: ${freeze.join(', ')}; trained: ${which}`,
  );
}
