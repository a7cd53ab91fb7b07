/** Caffe's names, those of the paper; in the files that Oxford published, conv1_1 takes BGR. */
import type { Preprocessing } from '../preprocessing';
import { type Naming, placesOf } from './naming';

const BLOBS: Readonly<Record<string, number>> = { weight: 0, bias: 1 };

/** The mean is published as BGR 103.939, 116.779, 123.68; the nets were trained with scale jittering (section 3.1). */
export const OXFORD_PREPROCESSING: Preprocessing = { mean: [123.68, 116.779, 103.939], scale: [256, 512] };

/** http://www.robots.ox.ac.uk/~vgg/research/very_deep/; batch norm by its convolution's name, as the reader gives it. */
export const CAFFE: Naming = {
  name: 'caffe',
  channels: 'BGR',
  preprocessing: OXFORD_PREPROCESSING,
  places: (layers) =>
    placesOf(layers, 'outputsFirst', ({ kind, name }, role) =>
      kind === 'batchNorm' ? `${name.replace('bn', 'conv')}.${role}` : `${name}.${BLOBS[role]}`,
    ),
};
