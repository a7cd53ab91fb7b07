/** Settings of a study that differ from the paper's, found by comparing every setting with the recipe of the paper. */
import { type Recipe, readRecipe, type SettingName, settingOf, withDefaults } from '@vgg/recipes';
import { SETTING_NAMES } from '@vgg/recipes/table';

/** Settings that do not change what is trained, and those that are described elsewhere: data, nets, epochs, first weights. */
const OTHER: ReadonlySet<SettingName> = new Set([
  'data',
  'layout',
  'valFraction',
  'checkDuplicates',
  'trainImages',
  'config',
  'scale',
  'epochs',
  'microBatch',
  'validateEvery',
  'weights',
  'preInit',
  'maxSteps',
  'seed',
  'out',
]);

/** Values of the paper that its recipe for any number of images leaves out or replaces. */
const PAPER = { batch: 256, init: 'normal:0.1' } as const;

/** Settings without a meaning of their own if the schedule is another one. */
const PLATEAU_ONLY: readonly SettingName[] = ['patience'];

const NAMES: Partial<Record<SettingName, string>> = {
  batch: 'batch size',
  rate: 'learning rate',
  init: 'initialisation',
  head: 'hidden fully-connected layers',
  batchNorm: 'batch normalisation',
  input: 'input size',
  flip: 'horizontal flips',
  colourShift: 'colour shift',
  weightDecay: 'weight decay',
  finalRate: 'final learning rate',
  warmUp: 'warm-up in epochs',
};

function valueText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(', ') || 'none' : String(value);
}

/**
 * Returns one text for each setting that is not the paper's: `batch size 64 (paper: 256)`.
 *
 * @param recipe resolved settings of a net that starts from random weights.
 */
export function settingDeviations(recipe: Recipe): string[] {
  const own: Readonly<Partial<Record<SettingName, unknown>>> = recipe;
  const paper = { ...withDefaults(readRecipe('paper')), ...PAPER } as Readonly<Partial<Record<SettingName, unknown>>>;
  return SETTING_NAMES.filter((name) => !OTHER.has(name))
    .filter((name) => recipe.schedule === 'plateau' || !PLATEAU_ONLY.includes(name))
    .filter((name) => JSON.stringify(own[name]) !== JSON.stringify(paper[name]))
    .map((name) => {
      const label = NAMES[name] ?? name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      const isBeyond = settingOf(name).group === 'Beyond the paper' || name === 'batchNorm';
      return `${label} ${valueText(own[name])} (paper: ${isBeyond && name !== 'optimiser' ? 'none' : valueText(paper[name])})`;
    });
}
