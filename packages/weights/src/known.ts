/**
 * Table of published nets by name: URL, hash, licence, class order and preprocessing. This module downloads nothing;
 * `fetchWeights` of `@vgg/weights/node` does.
 */
import { didYouMean, VggError } from '@vgg/core';
import type { ConfigurationName } from '@vgg/models';
import { OXFORD_PREPROCESSING } from './names/caffe';
import { KERAS_PREPROCESSING } from './names/keras';
import { PYTORCH_PREPROCESSING } from './names/pytorch';
import type { Preprocessing } from './preprocessing';

/** Published net. */
export interface KnownWeights {
  readonly url: string;
  /** Size of the file in bytes; undefined if neither its publisher nor a catalogue states it. */
  readonly size?: number | undefined;
  /** Hash of the file as published, possibly only its start: torchvision's file names have the first 8 digits of SHA-256. */
  readonly hash: `${'sha256' | 'sha384' | 'md5'}:${string}`;
  readonly licence: string;
  readonly configuration: ConfigurationName;
  readonly batchNorm: boolean;
  /** `none` if only the convolutions can be used. */
  readonly head: 'paper' | 'none';
  /** Classes in the order of the outputs: those of ILSVRC-2012 (`IMAGENET_CLASSES`), or `none` without a head. */
  readonly classes: 'imagenet' | 'none';
  readonly preprocessing: Preprocessing;
}

const PYTORCH = 'https://download.pytorch.org/models/';
const KERAS = 'https://storage.googleapis.com/tensorflow/keras-applications/';
const OXFORD = 'http://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/';

const CC_BY = 'CC BY 4.0, Visual Geometry Group, University of Oxford';
const CLASSIFIER = { batchNorm: false, head: 'paper', classes: 'imagenet' } as const;
const FEATURES = { batchNorm: false, head: 'none', classes: 'none' } as const;
const TORCHVISION = {
  ...CLASSIFIER,
  licence: 'BSD-3-Clause, torchvision',
  preprocessing: PYTORCH_PREPROCESSING,
} as const;
const OXFORD_NET = { ...CLASSIFIER, licence: CC_BY, preprocessing: OXFORD_PREPROCESSING } as const;
const KERAS_NET = { ...CLASSIFIER, licence: CC_BY, preprocessing: KERAS_PREPROCESSING } as const;

/**
 * Published nets by name. Sources: torchvision's `models/vgg.py`; `applications/vgg16.py` and `vgg19.py` of Keras; for Oxford's sizes and
 * hashes the Open Model Zoo's `vgg16/model.yml` and `vgg19/model.yml`.
 */
// biome-ignore format: a table
export const KNOWN_WEIGHTS = {
  'vgg11.tv_in1k':    { ...TORCHVISION, configuration: 'A', url: `${PYTORCH}vgg11-8a719046.pth`, hash: 'sha256:8a719046' },
  'vgg11_bn.tv_in1k': { ...TORCHVISION, configuration: 'A', batchNorm: true, url: `${PYTORCH}vgg11_bn-6002323d.pth`, hash: 'sha256:6002323d' },
  'vgg13.tv_in1k':    { ...TORCHVISION, configuration: 'B', url: `${PYTORCH}vgg13-19584684.pth`, hash: 'sha256:19584684' },
  'vgg13_bn.tv_in1k': { ...TORCHVISION, configuration: 'B', batchNorm: true, url: `${PYTORCH}vgg13_bn-abd245e5.pth`, hash: 'sha256:abd245e5' },
  'vgg16.tv_in1k':    { ...TORCHVISION, configuration: 'D', url: `${PYTORCH}vgg16-397923af.pth`, hash: 'sha256:397923af' },
  'vgg16_bn.tv_in1k': { ...TORCHVISION, configuration: 'D', batchNorm: true, url: `${PYTORCH}vgg16_bn-6c64b313.pth`, hash: 'sha256:6c64b313' },
  'vgg19.tv_in1k':    { ...TORCHVISION, configuration: 'E', url: `${PYTORCH}vgg19-dcbb9e9d.pth`, hash: 'sha256:dcbb9e9d' },
  'vgg19_bn.tv_in1k': { ...TORCHVISION, configuration: 'E', batchNorm: true, url: `${PYTORCH}vgg19_bn-c79401a0.pth`, hash: 'sha256:c79401a0' },
  'vgg16.tv_features': {
    ...TORCHVISION, ...FEATURES, configuration: 'D',
    url: `${PYTORCH}vgg16_features-amdegroot-88682ab5.pth`, hash: 'sha256:88682ab5',
    preprocessing: { ...PYTORCH_PREPROCESSING, mean: [0.48235, 0.45882, 0.40784], std: [1 / 255, 1 / 255, 1 / 255] },
  },
  'vgg16.oxford': {
    ...OXFORD_NET, configuration: 'D', url: `${OXFORD}VGG_ILSVRC_16_layers.caffemodel`, size: 553_432_081,
    hash: 'sha256:a6196bc498e45ea4cb2637114ae8db9410cf1556fd60a55ae93272371beba197',
  },
  'vgg19.oxford': {
    ...OXFORD_NET, configuration: 'E', url: `${OXFORD}VGG_ILSVRC_19_layers.caffemodel`, size: 574_671_192,
    hash: 'sha384:86b83739d448a81ddc927922d4d7581e06113478106b59480097b02cc63ff51c9da7c3cd8a865b08946d07d0281d5b2e',
  },
  'vgg16.keras': {
    ...KERAS_NET, configuration: 'D', url: `${KERAS}vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5`,
    hash: 'md5:64373286793e3c8b2b4e3219cbf3544b',
  },
  'vgg16.keras_notop': {
    ...KERAS_NET, ...FEATURES, configuration: 'D', url: `${KERAS}vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`,
    hash: 'md5:6d6bbae143d832006294945121d1f1fc',
  },
  'vgg19.keras': {
    ...KERAS_NET, configuration: 'E', url: `${KERAS}vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5`,
    hash: 'md5:cbe5617147190e668d6c5d5026f83318',
  },
  'vgg19.keras_notop': {
    ...KERAS_NET, ...FEATURES, configuration: 'E', url: `${KERAS}vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5`,
    hash: 'md5:253f8cb515780f3b799900260a226db6',
  },
} as const satisfies Readonly<Record<string, KnownWeights>>;

/** Short names of published nets, as torchvision calls them. */
export const KNOWN_ALIASES = {
  vgg11: 'vgg11.tv_in1k',
  vgg11_bn: 'vgg11_bn.tv_in1k',
  vgg13: 'vgg13.tv_in1k',
  vgg13_bn: 'vgg13_bn.tv_in1k',
  vgg16: 'vgg16.tv_in1k',
  vgg16_bn: 'vgg16_bn.tv_in1k',
  vgg19: 'vgg19.tv_in1k',
  vgg19_bn: 'vgg19_bn.tv_in1k',
} as const satisfies Readonly<Record<string, keyof typeof KNOWN_WEIGHTS>>;

/** Name of a net in {@link KNOWN_WEIGHTS}. */
export type KnownName = keyof typeof KNOWN_WEIGHTS;

/** Short name in {@link KNOWN_ALIASES}. */
export type KnownAlias = keyof typeof KNOWN_ALIASES;

/** Configuration of a published net: `KnownConfiguration<'vgg16'>` is `'D'`. */
export type KnownConfiguration<N extends KnownName | KnownAlias> = (typeof KNOWN_WEIGHTS)[N extends KnownAlias
  ? (typeof KNOWN_ALIASES)[N]
  : N & KnownName]['configuration'];

/** Returns the full name of a published net from its name or short name; undefined if none has that name. */
export function knownName(name: string): KnownName | undefined {
  if (Object.hasOwn(KNOWN_ALIASES, name)) return KNOWN_ALIASES[name as KnownAlias];
  return Object.hasOwn(KNOWN_WEIGHTS, name) ? (name as KnownName) : undefined;
}

/**
 * Returns the published net of a name or short name.
 * @throws VggError `VGG_ARGUMENT` for an unknown name, with the nearest known one.
 */
export function knownWeights(name: string): KnownWeights {
  const known = knownName(name);
  if (known !== undefined) return KNOWN_WEIGHTS[known];
  const names = Object.keys(KNOWN_WEIGHTS);
  const hint = didYouMean(name, [...Object.keys(KNOWN_ALIASES), ...names]);
  throw new VggError('argument', `no weights are known as "${name}"${hint}: ${names.join(', ')}`);
}
