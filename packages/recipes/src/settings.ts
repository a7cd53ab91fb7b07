/**
 * The settings of a training run: kind, range, default, "off" value, group and help of each, said once. The options of the
 * command line, the keys of recipe files, the types, what `--resume` refuses and the settings of old records follow from it.
 */
import { LAYOUTS, PUBLIC_DATA_SETS } from '@vgg/data/node';
import { CONFIGURATION_NAMES } from '@vgg/models';
import {
  anyText,
  inputSize,
  integer,
  type Kind,
  layerFactors,
  nameList,
  oneOf,
  real,
  trainingScale,
  yesOrNo,
} from './kinds';

/** The headings under which `train --help` lists the settings, in their order. */
export const GROUPS = [
  'Data',
  'Net',
  'Augmentation',
  'Training',
  'Beyond the paper',
  'Initial weights',
  'Run',
] as const;

/** Everything that the program knows of one setting. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly group: (typeof GROUPS)[number];
  /** Placeholder of the value in the help, such as `<n>`; none for a setting that is on or off. */
  readonly value?: string | undefined;
  readonly help: string;
  readonly default?: T | undefined;
  /** Words for the default in the help, where the value itself would not be readable. */
  readonly defaultHelp?: string | undefined;
  /** Value of runs recorded before the setting existed. */
  readonly off?: T | undefined;
}

type Described<T> = Omit<Setting<T>, 'kind' | 'default'>;

/** Declares a setting that always has a value. */
function setting<T, const D extends Described<T> & { readonly default: T }>(kind: Kind<T>, described: D) {
  return { kind, ...described };
}

/** Declares a setting that may be absent: its value then follows from the images or from other settings. */
function optional<T>(kind: Kind<T>, described: Described<NoInfer<T>>): Setting<T> {
  return { kind, ...described };
}

/** The table of settings, in the order of the help. */
export const SETTINGS = {
  data: optional(anyText, {
    group: 'Data',
    value: '<dir|name>',
    help: `the images: a folder, or a public data set downloaded by name: ${Object.keys(PUBLIC_DATA_SETS).join(', ')}`,
    defaultHelp: 'the demo draws its own',
  }),
  layout: setting(oneOf(LAYOUTS), {
    group: 'Data',
    value: '<kind>',
    default: 'auto',
    off: 'auto',
    help:
      'how the images lie: folders (every folder is a class), parts (train/, val/ and so on), table (classes in a file such as ' +
      'labels.csv), shards (.tar), cifar; auto recognises it and says so where another meaning is possible',
  }),
  valFraction: setting(real(0, 0.9), {
    group: 'Data',
    value: '<f>',
    default: 0.1,
    help: 'fraction of each class kept for validation if DIR has no validation part',
  }),
  checkDuplicates: setting(yesOrNo, {
    group: 'Data',
    default: false,
    off: false,
    help:
      'first report images that lie in several classes, and validation and test images that are nearly the same as training ' +
      'images (reads every image once)',
  }),
  trainImages: optional(integer(1), {
    group: 'Data',
    value: '<n>',
    help: 'train on n images, taken evenly over the set',
    defaultHelp: 'all',
  }),

  task: setting(oneOf(['classify', 'localise']), {
    group: 'Net',
    value: '<name>',
    default: 'classify',
    off: 'classify',
    help:
      'classify, or localise (appendix A): predict boxes, from the classification net of --weights; --data has the boxes as ' +
      "boxes.csv, COCO's JSON, or XML of VOC or ILSVRC",
  }),
  regression: setting(oneOf(['per-class', 'shared']), {
    group: 'Net',
    value: '<kind>',
    default: 'per-class',
    off: 'per-class',
    help: 'boxes of --task localise: one for each class (PCR) or one for all (SCR)',
  }),
  config: setting(oneOf(CONFIGURATION_NAMES), {
    group: 'Net',
    value: '<name>',
    default: 'D',
    help: `configuration of Table 1: ${CONFIGURATION_NAMES.join(', ')}`,
  }),
  batchNorm: setting(yesOrNo, {
    group: 'Net',
    default: false,
    help: 'batch normalisation after every convolution; not in the paper',
  }),
  width: setting(real(0, 16, { open: true }), {
    group: 'Net',
    value: '<factor>',
    default: 1,
    help: 'multiplies the numbers of filters and hidden units',
  }),
  input: setting(inputSize, {
    group: 'Net',
    value: '<size>',
    default: 224,
    help: 'size of the training crop in pixels: the side of a square, or height x width such as 64x128',
  }),
  head: setting(oneOf(['auto', 'paper', 'small', 'linear']), {
    group: 'Net',
    value: '<kind>',
    default: 'auto',
    help: 'hidden fully-connected layers: paper (4096, 4096), small (512), linear (none), auto (by --input)',
  }),
  dropout: setting(real(0, 0.99), {
    group: 'Net',
    value: '<p>',
    default: 0.5,
    help: 'dropout probability of the hidden fully-connected layers',
  }),

  scale: optional(trainingScale, {
    group: 'Augmentation',
    value: '<S>',
    help: 'training scale: 256, or 256:512 for scale jittering',
    defaultHelp: 'longer side of the input × 256/224',
  }),
  flip: setting(yesOrNo, { group: 'Augmentation', default: true, help: 'turn off random horizontal flips' }),
  colourShift: setting(yesOrNo, { group: 'Augmentation', default: true, help: 'turn off random colour shifts' }),

  batch: optional(integer(1), {
    group: 'Training',
    value: '<n>',
    help: 'images per step',
    defaultHelp: '256; for a smaller set, as many as it fills',
  }),
  microBatch: optional(integer(1), {
    group: 'Training',
    value: '<n>',
    help: 'images computed at once; must divide --batch',
    defaultHelp: 'at most 32',
  }),
  epochs: setting(integer(1, 100_000), {
    group: 'Training',
    value: '<n>',
    default: 74,
    help: 'passes over the training images',
  }),
  validateEvery: setting(integer(1), {
    group: 'Training',
    value: '<n>',
    default: 1,
    off: 1,
    help: 'validate every n epochs, and after the last',
  }),
  rate: setting(real(0, 100, { open: true }), {
    group: 'Training',
    value: '<r>',
    default: 0.01,
    help: 'initial learning rate',
  }),
  schedule: setting(oneOf(['plateau', 'cosine', 'constant']), {
    group: 'Training',
    value: '<kind>',
    default: 'plateau',
    help: 'learning rate: plateau (divided by 10 when validation stalls, three times), cosine, constant',
  }),
  finalRate: setting(real(0, 100), {
    group: 'Training',
    value: '<r>',
    default: 0,
    off: 0,
    help: 'learning rate at the end of a cosine schedule',
  }),
  patience: setting(integer(1), {
    group: 'Training',
    value: '<n>',
    default: 5,
    help: 'validations without improvement after which plateau divides the learning rate',
  }),
  warmUp: setting(real(0, 1000), {
    group: 'Training',
    value: '<epochs>',
    default: 0,
    off: 0,
    help: 'epochs (fractions allowed) of linear learning rate warm-up (0: none)',
  }),
  momentum: setting(real(0, 0.9999), { group: 'Training', value: '<m>', default: 0.9, help: 'momentum' }),
  weightDecay: setting(real(0, 1), { group: 'Training', value: '<d>', default: 5e-4, help: 'L2 penalty' }),

  randomCrop: setting(real(0, 1), {
    group: 'Beyond the paper',
    value: '<area>',
    default: 0,
    off: 0,
    help:
      'RandomResizedCrop: crops of this fraction to all of the image, resized to --input, in place of crops at --scale ' +
      '(0: off; usual: 0.08 for large sets, 0.35 for small ones)',
  }),
  trivialAugment: setting(yesOrNo, {
    group: 'Beyond the paper',
    default: false,
    off: false,
    help: 'TrivialAugment: one random operation of fourteen for each image (rotation, colours, contrast, ...)',
  }),
  jitter: setting(real(0, 1), {
    group: 'Beyond the paper',
    value: '<strength>',
    default: 0,
    off: 0,
    help: 'random brightness, contrast and saturation, such as 0.4 (0: off)',
  }),
  randomErasing: setting(real(0, 1), {
    group: 'Beyond the paper',
    value: '<p>',
    default: 0,
    off: 0,
    help: 'probability that a random rectangle of a crop is erased (0: off)',
  }),
  labelSmoothing: setting(real(0, 0.99), {
    group: 'Beyond the paper',
    value: '<e>',
    default: 0,
    off: 0,
    help: 'fraction of each target spread over all classes (0: off)',
  }),
  cutMix: setting(real(0, 1), {
    group: 'Beyond the paper',
    value: '<p>',
    default: 0,
    off: 0,
    help: 'probability that a micro-batch is mixed by CutMix (0: off)',
  }),
  mixUp: setting(real(0, 1), {
    group: 'Beyond the paper',
    value: '<p>',
    default: 0,
    off: 0,
    help: 'probability that a micro-batch that CutMix left alone is blended by mixup (0: off)',
  }),
  classWeights: setting(oneOf(['none', 'balanced']), {
    group: 'Beyond the paper',
    value: '<kind>',
    default: 'none',
    off: 'none',
    help: 'weights of the classes in the loss: none, or balanced (classes of fewer images count more)',
  }),
  sampling: setting(oneOf(['all', 'balanced']), {
    group: 'Beyond the paper',
    value: '<kind>',
    default: 'all',
    off: 'all',
    help: 'images of an epoch: all (each once), or balanced (all classes equally often)',
  }),
  optimiser: setting(oneOf(['sgd', 'muon', 'adamw']), {
    group: 'Beyond the paper',
    value: '<name>',
    default: 'sgd',
    off: 'sgd',
    help:
      'sgd (as in the paper), muon (orthogonalised updates; learning rate 0.02 to 0.06; needs --batch-norm; works best ' +
      'with batches of 512 or more), adamw (learning rate about 0.001, --weight-decay about 0.05)',
  }),
  clipNorm: setting(real(0, 1e9), {
    group: 'Beyond the paper',
    value: '<n>',
    default: 0,
    off: 0,
    help: 'largest gradient norm of a step; larger gradients are scaled down (0: no limit)',
  }),
  averageDecay: setting(real(0, 0.999999), {
    group: 'Beyond the paper',
    value: '<d>',
    default: 0,
    off: 0,
    help: 'average the weights over about 1/(1 - d) steps, then validate and save the averages (0: off)',
  }),
  earlyStop: setting(integer(0), {
    group: 'Beyond the paper',
    value: '<n>',
    default: 0,
    off: 0,
    help: 'stop after n validations without improvement (0: never)',
  }),

  init: setting(anyText, {
    group: 'Initial weights',
    value: '<how>',
    default: 'glorot',
    help: 'random initialisation: glorot, he, normal:SIGMA',
  }),
  preInit: optional(anyText, {
    group: 'Initial weights',
    value: '<run>',
    help: 'initialise the first four convolutions and the head from a run of A (section 3.1)',
  }),
  weights: optional(anyText, {
    group: 'Initial weights',
    value: '<run|file|name>',
    help:
      'start from the weights of a run, a weight file of any framework, or a published net (vgg16, ...); --config, ' +
      '--width, --head, --batch-norm, --input and --scale are those of the weights unless they are options; the last layer ' +
      'is initialised randomly for other class names',
  }),
  layerRates: setting(layerFactors, {
    group: 'Initial weights',
    value: '<layer=factor,...>',
    default: [] as readonly string[],
    defaultHelp: 'none',
    off: [] as readonly string[],
    help: 'factors of the learning rate by layer, such as features=0.1,fc8=10; the first that names a layer counts',
  }),
  freeze: setting(nameList, {
    group: 'Initial weights',
    value: '<layers>',
    default: [] as readonly string[],
    defaultHelp: 'none',
    off: [] as readonly string[],
    help: 'layers that are not trained, such as stage1,conv3_1 or features',
  }),

  maxSteps: optional(integer(1), {
    group: 'Run',
    value: '<n>',
    help: 'stop after n steps, also in the middle of an epoch',
    defaultHelp: 'no limit',
  }),
  seed: setting(integer(0), { group: 'Run', value: '<n>', default: 1, help: 'random seed' }),
  out: optional(anyText, { group: 'Run', value: '<dir>', help: 'the run folder', defaultHelp: 'runs/CONFIG-TIME' }),
};

type Table = typeof SETTINGS;

/** Name of a setting: its key in recipe files. */
export type SettingName = keyof Table;

/** Type of a setting's value. */
export type SettingValue<N extends SettingName> = Table[N] extends { readonly kind: Kind<infer T> } ? T : never;

/** The settings that always have a value. */
type WithDefault = { [N in SettingName]: Table[N] extends { readonly default: unknown } ? N : never }[SettingName];

/** A value for each setting; those without a default may be absent. */
export type Settings = { [N in WithDefault]: SettingValue<N> } & {
  [N in Exclude<SettingName, WithDefault>]?: SettingValue<N> | undefined;
};

/** Names of all settings. */
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** Returns the setting called `name` as every caller can use it, whatever its type. */
export function settingOf(name: SettingName): Setting<unknown> {
  return SETTINGS[name] as Setting<unknown>;
}

/** Returns settings, such as those of a recipe file, completed by the defaults. */
export function withDefaults(settings: Partial<Settings>): Settings {
  const names = SETTING_NAMES.filter((name) => settingOf(name).default !== undefined);
  return { ...Object.fromEntries(names.map((name) => [name, settingOf(name).default])), ...settings } as Settings;
}

/** Settings of a run recorded before they existed: off. */
export const SETTINGS_OFF = Object.fromEntries(
  SETTING_NAMES.filter((name) => settingOf(name).off !== undefined).map((name) => [name, settingOf(name).off]),
) as { [N in SettingName as Table[N] extends { readonly off: unknown } ? N : never]: SettingValue<N> };
