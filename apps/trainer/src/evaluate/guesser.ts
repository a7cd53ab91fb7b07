/** Predictors of image classes: runs by dense evaluation, or the net of a weight file with its own preprocessing. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { classify, type EvaluatedNet, evaluatedNet, type Guess, type MapMethod, predict } from '@vgg/eval';
import type { Vgg } from '@vgg/models';
import { heatMapScales } from '@vgg/report';
import { METRICS_FILE } from '@vgg/train/node';
import { loadPredictor } from '@vgg/transfer/node';
import { preparedNet, usableNet } from '../nets/named-net';
import type { Terminal } from '../terminal/terminal';
import { loadRuns, predictorFile, withScales } from './nets';

/** Returns true if a run's weights are the initial ones: its metrics are there, without a step. */
function isUntrained(path: string): boolean {
  return statSync(join(path, METRICS_FILE), { throwIfNoEntry: false })?.size === 0;
}

export interface Guesser {
  /** Class names in the order of the outputs. */
  readonly classes: readonly string[];
  /** Returns the five most likely classes, most likely first. */
  guess(image: RawImage): Promise<Guess[]>;
  /** Returns the nets for dense evaluation. @throws VggError `VGG_ARGUMENT` for a net that cannot be evaluated densely. */
  nets(): readonly EvaluatedNet<Vgg>[];
  /** Returns the default test scales of a heat map by a method. */
  heatMapScales(method: MapMethod): readonly number[];
  dispose(): void;
}

/** Returns a predictor by dense evaluation of the nets, fused. */
function denseGuesses(nets: Guesser['nets'], names: readonly string[], scales: readonly number[]) {
  return async (image: RawImage): Promise<Guess[]> => {
    const { classes, probabilities } = await predict({ nets: nets(), image, scales });
    return classes.map((index, i) => ({ name: names[index]!, index, probability: probabilities[i]! }));
  };
}

/** Returns a predictor by dense evaluation of runs, fused; `asked` replaces the test scales of each run. */
export async function runGuesser(
  paths: readonly string[],
  asked: readonly number[] | undefined,
  terminal: Terminal,
): Promise<Guesser> {
  const evaluated = await loadRuns(paths.map((path) => resolve(path)));
  for (const { path } of evaluated.runs) {
    if (isUntrained(path)) terminal.warn(`${path} has taken no training step: its predictions mean nothing`);
  }
  const { classes, runs, dispose } = evaluated;
  const scales = asked ?? evaluated.scales;
  const nets = () => withScales(evaluated.nets, asked);
  return {
    classes,
    guess: denseGuesses(nets, classes, scales),
    nets,
    heatMapScales: (method) => heatMapScales(runs[0]!.record.transform, method),
    dispose,
  };
}

/** Returns a predictor that `transfer` wrote. */
async function savedGuesser(path: string, scales: readonly number[] | undefined, terminal: Terminal): Promise<Guesser> {
  const isUnusable = (what: string) => new VggError('argument', `${path} is a predictor of transfer: ${what}`);
  if (scales !== undefined) throw isUnusable('its scales are fixed, leave out --scales');
  const predictor = await loadPredictor(path, { net: ({ name }) => preparedNet(name, terminal) });
  const noNets = () => {
    throw isUnusable('it has no class maps, leave out --heat-map');
  };
  return {
    classes: predictor.classes,
    guess: (image) => predictor.predict(image),
    nets: noNets,
    heatMapScales: noNets,
    dispose: predictor.dispose,
  };
}

/**
 * Returns a predictor by the net of a file or a published net: with its own preprocessing and one centre crop, or by dense
 * evaluation if scales are given.
 * @throws VggError as `usableNet`.
 */
export async function weightsGuesser(
  text: string,
  scales: readonly number[] | undefined,
  terminal: Terminal,
): Promise<Guesser> {
  const predictor = await predictorFile(text);
  if (predictor !== undefined) return savedGuesser(predictor, scales, terminal);
  const net = await usableNet(text, terminal);
  const { classes, model, transform } = net;
  const nets = () => [evaluatedNet(text, net)];
  return {
    classes,
    guess: scales === undefined ? (image) => classify(net, image) : denseGuesses(nets, classes, scales),
    nets,
    heatMapScales: (method) => heatMapScales(transform, method),
    dispose: () => model.dispose(),
  };
}
