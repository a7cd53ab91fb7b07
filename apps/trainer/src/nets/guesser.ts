/** What guesses the classes of images: runs, as the paper tests them, or the net of a weight file, by its own transform. */
import { resolve } from 'node:path';
import type { RawImage } from '@vgg/data';
import { classify, type EvaluatedNet, evaluatedNet, type Guess, predict } from '@vgg/eval';
import { heatMapScales } from '@vgg/report';
import type { Terminal } from '../terminal/terminal';
import { loadRuns } from './evaluated';
import { usableNet } from './named-net';

export interface Guesser {
  /** Class names in the order of the outputs. */
  readonly classes: readonly string[];
  /** Smallest side in pixels that an image is rescaled to: a far larger one may come reduced. Undefined: it comes whole. */
  readonly side: number | undefined;
  /** The five likeliest classes, likeliest first. */
  guess(image: RawImage): Promise<Guess[]>;
  /** @throws VggError `VGG_ARGUMENT` for a net that the dense view cannot take. */
  nets(): readonly EvaluatedNet[];
  /** Test scales of a heat map where none are asked for. */
  heatMapScales(): readonly number[];
  dispose(): void;
}

/** @param nets each call gives the nets that are fused. */
function denseGuesses(nets: Guesser['nets'], names: readonly string[], scales: readonly number[]) {
  return async (image: RawImage): Promise<Guess[]> => {
    const { classes, probabilities } = await predict({ nets: nets(), image, scales });
    return classes.map((index, i) => ({ name: names[index]!, index, probability: probabilities[i]! }));
  };
}

/** Guesses by runs, fused, by the dense view over the scales, or else the first run's own. */
export async function runGuesser(paths: readonly string[], asked: readonly number[] | undefined): Promise<Guesser> {
  const evaluated = await loadRuns(paths.map((path) => resolve(path)));
  const { classes, runs, dispose } = evaluated;
  const scales = asked ?? evaluated.scales;
  const nets = () => evaluated.nets;
  return {
    classes,
    side: Math.max(...scales),
    guess: denseGuesses(nets, classes, scales),
    nets,
    heatMapScales: () => heatMapScales(runs[0]!.record.transform),
    dispose,
  };
}

/**
 * Guesses by the net of a file or a published one: by its own transform and one centre crop, or, where scales are asked for,
 * by the dense view over them.
 * @throws VggError as `usableNet`.
 */
export async function weightsGuesser(
  word: string,
  scales: readonly number[] | undefined,
  terminal: Terminal,
): Promise<Guesser> {
  const net = await usableNet(word, terminal);
  const { classes, model, transform } = net;
  const nets = () => [evaluatedNet(word, net)];
  return {
    classes,
    side: scales && Math.max(...scales),
    guess: scales === undefined ? (image) => classify(net, image) : denseGuesses(nets, classes, scales),
    nets,
    heatMapScales: () => heatMapScales(transform),
    dispose: () => model.dispose(),
  };
}
