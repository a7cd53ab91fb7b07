/** Notes on the tables of a study: its settings, everything that it did otherwise than the paper, and what was left out. */
import { formatDuration } from '@vgg/core';
import type { Recipe } from '@vgg/recipes';
import { settingDeviations } from './deviations';
import { deepest, isLater, type StudyNet } from './nets';
import type { Allotment, ImageCounts } from './plan';
import { type StudyResults, smallest } from './results';

/** Facts of a finished study. */
export interface StudyFacts {
  readonly results: StudyResults;
  readonly nets: readonly StudyNet[];
  readonly plan: Allotment;
  /** Resolved settings of a net that starts from random weights. */
  readonly recipe: Recipe;
  /** Epochs of each net, by its name; 0 or none for a net that was left out. */
  readonly epochs: Readonly<Record<string, number>>;
  /** Names of the nets whose training early stopping or the plateau schedule ended. Default none. */
  readonly endedEarly?: readonly string[] | undefined;
  readonly classes: number;
  readonly images: ImageCounts;
  /** Settings of the study: budget in seconds, and the side of the square crop. */
  readonly settings: { readonly budget: number; readonly fromScratch: boolean; readonly input: number };
  /** Seconds. */
  readonly spent: number;
  /** Processor, cores and engine. */
  readonly machine: string;
}

/** Epochs, steps, sides of the last convolutions' maps and images of the paper. */
const PAPER_EPOCHS = 74;
const PAPER_STEPS = '370,000';
const PAPER_SIDE = 14;
const PAPER_IMAGES = '1.3 million images of 1000 classes';

function namesOf(nets: readonly StudyNet[]): string {
  return nets.map(({ name }) => name).join(', ');
}

function startNotes({ results: { nets }, settings }: StudyFacts): string[] {
  if (settings.fromScratch) {
    return [
      'Every net starts from random weights with the same number of epochs. In the paper the nets deeper than A start from its ' +
        'layers, and later scales from the weights of the scale before.',
    ];
  }
  const hasStart = ({ from }: StudyNet) => nets.some(({ name }) => name === from?.net);
  const started = (key: 'preInit' | 'weights') => nets.filter((net) => net.from?.key === key && hasStart(net));
  const preInit = started('preInit');
  const later = started('weights');
  const random = nets.filter((net) => net.config !== 'A' && net.config !== 'A-LRN' && !hasStart(net));
  return [
    ...(preInit.length > 0
      ? [
          `As in section 3.1, ${namesOf(preInit)} started from A's first four convolutions and its fully-connected layers.`,
        ]
      : []),
    ...(later.length > 0
      ? [
          `As in section 3.1, ${namesOf(later)} started from the scale before, at a tenth of the rate. Their epochs are in ` +
            'addition to those of the scale before, so a later scale has been trained for longer.',
        ]
      : []),
    ...(random.length > 0 ? [`Unlike in the paper, ${namesOf(random)} started from random weights.`] : []),
  ];
}

function trainingNotes({ results: { nets }, plan, epochs, endedEarly = [], images, recipe }: StudyFacts): string[] {
  const most = nets.filter((net) => !isLater(net)).reduce((high, { name }) => Math.max(high, epochs[name]!), 0);
  const later = nets.some(isLater) ? ', half of them at later scales' : '';
  const steps = most * Math.floor(plan.trainImages / recipe.batch);
  const unequal = nets.filter(({ name }) => epochs[name] !== plan.epochs[name]);
  const textsOf = (some: readonly StudyNet[]) =>
    some.map(({ name }) => `${name} ${epochs[name]} of ${plan.epochs[name]}`).join(', ');
  const early = unequal.filter(({ name }) => endedEarly.includes(name));
  const slower = unequal.filter((net) => !early.includes(net));
  return [
    `${most} epochs${later} (paper: ${PAPER_EPOCHS}), which are ${steps.toLocaleString('en')} steps (paper: ${PAPER_STEPS}).`,
    ...(early.length > 0
      ? [
          `Not the planned epochs, because early stopping or the plateau schedule ended the training: ${textsOf(early)}.`,
        ]
      : []),
    ...(slower.length > 0
      ? [`Not the planned epochs, because training became slower; compare with care: ${textsOf(slower)}.`]
      : []),
    ...(plan.trainImages < images.train
      ? [
          `Left out: ${images.train - plan.trainImages} training images, so that every net sees the others often enough.`,
        ]
      : []),
  ];
}

/** Side of the maps of the last convolutions from which a note on their padding says nothing new. */
const ENOUGH_POSITIONS = 7;

/** Returns the share of zero padding among the values that filters of 3×3 cover on a map, in percent. */
function paddingOf(side: number): number {
  return Math.round(100 * (1 - ((3 * side - 2) / (3 * side)) ** 2));
}

function paddingNotes({ settings: { input } }: StudyFacts): string[] {
  const side = Math.floor(input / 16);
  if (side >= ENOUGH_POSITIONS) return [];
  return [
    `At an input of ${input} the last convolutions see maps of ${side}×${side}: ${paddingOf(side)} % of what their filters cover is padding ` +
      `(paper: ${PAPER_SIDE}×${PAPER_SIDE}, ${paddingOf(PAPER_SIDE)} %). Dense evaluation at a larger Q has less of it than the net was trained with, so its errors ` +
      'grow with Q, where those of crops do not: compare dense with single in Table 5, or repeat the study with a larger --input.',
  ];
}

function omissions({ results, nets, plan, epochs, images }: StudyFacts): string[] {
  const without = nets.filter(({ name }) => (epochs[name] ?? 0) === 0);
  const whole = [...new Set(without.map(({ seed }) => seed))].filter((seed) =>
    nets.every((net) => net.seed !== seed || without.includes(net)),
  );
  const named = without.filter(({ seed }) => !whole.includes(seed));
  const crops = deepest(results.nets.filter(({ seed }) => seed === 1));
  const cropResults = crops.map(({ id }) => results.result({ ids: [id], measure: 'multi-crop:multi' })?.images ?? 0);
  const cropImages = smallest(cropResults);
  return [
    ...(named.length > 0 ? [`Left out because the time ran out: ${namesOf(named)}.`] : []),
    ...(whole.length > 0
      ? [`Left out because the time ran out: random ${whole.length === 1 ? 'seed' : 'seeds'} ${whole.join(' and ')}.`]
      : []),
    ...(plan.denseImages < images.validation
      ? [`Left out because the time ran out: ${images.validation - plan.denseImages} validation images in all tables.`]
      : []),
    cropImages > 0
      ? `Multi-crop evaluation: ${namesOf(crops)} on ${cropImages} of ${images.validation} validation images.`
      : 'Left out because the time ran out: multi-crop evaluation (Table 5).',
  ];
}

/** Returns the notes of a study, one a line. */
export function notesOn(facts: StudyFacts): string[] {
  const { classes, images, recipe, spent, settings, machine, results } = facts;
  const seeds = new Set(results.nets.map(({ seed }) => seed)).size;
  return [
    `${classes} classes, ${images.train} images for training, ${images.validation} for validation (paper: ${PAPER_IMAGES}). S and ` +
      `Q are those of the paper times ${settings.input}/224.`,
    `${formatDuration(spent)} of a budget of ${formatDuration(settings.budget)}, on ${machine}.`,
    `Errors are on the validation images, ± one standard error: binomial for one seed${seeds > 1 ? '; for several, of the mean over images and seeds' : ''}. ` +
      'The weights are those of the epoch with the lowest error on these images, which makes errors slightly too low; the paper ' +
      'does not say which weights it used. "A 37" is net A trained at S = 37.',
    'Differences are paired, image by image: p is of the exact test of McNemar for one seed, of a t test over images and seeds ' +
      'for several. With many comparisons some fall below 0.05 by chance.',
    ...startNotes(facts),
    `Otherwise than in the paper: ${settingDeviations(recipe).join('; ') || 'no setting'}.`,
    ...trainingNotes(facts),
    ...paddingNotes(facts),
    ...omissions(facts),
    "ImageNet columns: the paper's errors in % on the validation images of ILSVRC-2012. Compare the order of nets and scales, not the level.",
  ];
}
