/** The net, schedule, optimiser and initialiser that a recipe describes. */
import { VggError } from '@vgg/core';
import {
  glorotInitialiser,
  heInitialiser,
  type Initialiser,
  layersNamed,
  normalInitialiser,
  type ResolvedVggOptions,
  resolveOptions,
} from '@vgg/models';
import {
  AdamW,
  constant,
  cosine,
  DECAY_WEIGHTS_ONLY,
  MomentumSgd,
  Muon,
  type Optimiser,
  type ParameterGroup,
  plateau,
  type Schedule,
  warmUp as withWarmUp,
} from '@vgg/optim';
import type { FitOptions } from '@vgg/train';
import type { Recipe } from './recipe';

type NetRecipe = Pick<Recipe, 'config' | 'batchNorm' | 'width' | 'input' | 'head' | 'dropout'>;

/** Returns the options of the recipe's net for so many classes. */
export function netOptions(recipe: NetRecipe, classes: number): ResolvedVggOptions {
  const { config, batchNorm, width, input, head, dropout } = recipe;
  return resolveOptions({ configuration: config, batchNorm, width, inputSize: input, head, dropout, classes });
}

/** @throws VggError `VGG_ARGUMENT` when a name to freeze is not a layer of the net, or no layer is left to train. */
export function checkFreezing(net: ResolvedVggOptions, { freeze }: Pick<Recipe, 'freeze'>): void {
  const frozen = new Set(layersNamed(net, freeze));
  if (layersNamed(net, ['features', 'classifier']).some((layer) => !frozen.has(layer))) return;
  throw new VggError('argument', `--freeze ${freeze.join()} freezes every layer: leave one to train`);
}

/**
 * Returns the learning rate schedule of a recipe.
 * @param epochSteps number of steps in an epoch.
 */
export function scheduleOf(recipe: Recipe, epochSteps: number): Schedule {
  const { schedule, rate, finalRate, patience, warmUp, epochs, maxSteps = Number.POSITIVE_INFINITY } = recipe;
  const first = Math.round(warmUp * epochSteps);
  const steps = Math.max(1, Math.min(epochs * epochSteps, maxSteps) - first);
  const schedules: Record<Recipe['schedule'], () => Schedule> = {
    plateau: () => plateau({ rate, patience }),
    cosine: () => cosine({ rate, steps, floor: finalRate }),
    constant: () => constant(rate),
  };
  const rest = schedules[schedule]();
  return first > 0 ? withWarmUp(first, rest) : rest;
}

/**
 * Parameter groups of the momentum SGD that updates what Muon does not: fully-connected layers would overshoot at Muon's
 * rate, because their gradients grow with the features (docs/decisions/0103).
 */
const SGD_GROUPS_WITH_MUON: readonly ParameterGroup[] = [
  { match: 'fc*.weight', rateMultiple: 1 / 6 },
  { match: 'fc*.bias', rateMultiple: 1 / 6, decayMultiple: 0 },
  ...DECAY_WEIGHTS_ONLY,
];

/** Returns the variables of each layer with its own learning rate, those without weight decay first. */
function groupsOf(net: ResolvedVggOptions, layerRates: readonly string[]): ParameterGroup[] {
  return layerRates.flatMap((entry) => {
    const [name, factor] = entry.split('=') as [string, string];
    const rateMultiple = Number(factor);
    return layersNamed(net, [name]).flatMap((layer) => [
      ...['bias', 'scale', 'offset'].map((role) => ({ match: `${layer}.${role}`, rateMultiple, decayMultiple: 0 })),
      { match: `${layer}.*`, rateMultiple },
    ]);
  });
}

type OptimiserRecipe = Pick<Recipe, 'optimiser' | 'momentum' | 'weightDecay'> & Partial<Pick<Recipe, 'layerRates'>>;

/**
 * Returns the optimiser of a recipe. The caller disposes it.
 * @param net net whose layers `layerRates` names.
 * @throws VggError `VGG_ARGUMENT` when `layerRates` names a layer that the net does not have.
 */
export function optimiserOf(recipe: OptimiserRecipe, net?: ResolvedVggOptions): Optimiser {
  const { optimiser, momentum, weightDecay, layerRates = [] } = recipe;
  const groups = net === undefined ? DECAY_WEIGHTS_ONLY : [...groupsOf(net, layerRates), ...DECAY_WEIGHTS_ONLY];
  if (optimiser === 'adamw') return new AdamW({ beta1: momentum, weightDecay, groups });
  const sgd = { rule: 'caffe', momentum, weightDecay, groups } as const;
  return optimiser === 'muon'
    ? new Muon({ rest: new MomentumSgd({ ...sgd, groups: SGD_GROUPS_WITH_MUON }) })
    : new MomentumSgd(sgd);
}

/** Returns the options of `fit` beyond the paper that are not off. */
export function extrasOf({
  labelSmoothing,
  cutMix,
  mixUp,
  clipNorm,
  averageDecay,
  earlyStop,
}: Recipe): Pick<FitOptions, 'labelSmoothing' | 'cutMix' | 'mixUp' | 'clipNorm' | 'averageDecay' | 'earlyStop'> {
  const extras = { labelSmoothing, cutMix, mixUp, clipNorm, averageDecay, earlyStop };
  return Object.fromEntries(Object.entries(extras).filter(([, value]) => value > 0));
}

/**
 * Returns the random initialiser of a recipe, for weights that no run or file gives.
 * @throws VggError `VGG_ARGUMENT` for anything but glorot, he and normal:SIGMA.
 */
export function initialiserOf({ init, seed }: Pick<Recipe, 'init' | 'seed'>): Initialiser {
  if (init === 'glorot') return glorotInitialiser({ seed });
  if (init === 'he') return heInitialiser({ seed });
  const sigma = Number(/^normal:(.+)$/.exec(init)?.[1]);
  if (sigma > 0 && Number.isFinite(sigma)) return normalInitialiser({ seed, sigma });
  throw new VggError(
    'argument',
    `--init ${init}: expected glorot, he or normal:SIGMA (0.1 in the paper, 0.01 elsewhere)`,
  );
}
