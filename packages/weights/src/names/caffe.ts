/** Naming of Caffe, with the paper's names of layers; in the files that Oxford published, conv1_1 takes BGR. */
import type { Preprocessing } from '../preprocessing';
import { type Naming, placesOf } from './naming';

const BLOBS: Readonly<Record<string, number>> = { weight: 0, bias: 1 };

/** Preprocessing of Oxford's nets, trained with scale jittering (section 3.1). The published mean is in the order BGR. */
export const OXFORD_PREPROCESSING: Preprocessing = { mean: [123.68, 116.779, 103.939], scale: [256, 512] };

/**
 * Naming of Caffe's nets; batch norm has the name of its convolution, as in the tensors of our reader.
 * http://www.robots.ox.ac.uk/~vgg/research/very_deep/
 */
export const CAFFE: Naming = {
  name: 'caffe',
  channels: 'BGR',
  preprocessing: OXFORD_PREPROCESSING,
  places: (layers) =>
    placesOf(layers, 'outputsFirst', ({ kind, name }, role) =>
      kind === 'batchNorm' ? `${name.replace('bn', 'conv')}.${role}` : `${name}.${BLOBS[role]}`,
    ),
};
