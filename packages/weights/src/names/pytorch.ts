/** Namings of PyTorch's two collections of nets: torchvision's `vgg16`, `vgg16_bn`, ..., and timm's. */
import type { Layer } from '@vgg/models';
import type { Preprocessing } from '../preprocessing';
import { type Naming, placesOf } from './naming';

/** PyTorch's names of a layer's variables, by role. */
const ROLES: Readonly<Record<string, string>> = {
  weight: 'weight',
  bias: 'bias',
  scale: 'weight',
  offset: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

/** Returns the index of each layer in `features`, one `Sequential` of convolutions, batch norms, ReLUs and pools. */
function featureIndices(layers: readonly Layer[]): Map<string, number> {
  return new Map(layers.filter(({ part }) => part === 'features').map(({ name }, i) => [name, i]));
}

/**
 * Preprocessing of ImageNet in both collections.
 * https://pytorch.org/vision/0.14/models/generated/torchvision.models.vgg16.html
 */
export const PYTORCH_PREPROCESSING: Preprocessing = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  range: 1,
  scale: 256,
  interpolation: 'pillow-bilinear',
};

function pytorchNaming(name: string, heads: Readonly<Record<string, string>>, features = 'features.'): Naming {
  return {
    name,
    channels: 'RGB',
    preprocessing: PYTORCH_PREPROCESSING,
    places(layers) {
      const indices = featureIndices(layers);
      const connected = layers.filter(({ kind }) => kind === 'fullyConnected').map((layer) => layer.name);
      const head = heads[connected.join()]?.split(',');
      if (head === undefined) return undefined;
      return placesOf(layers, 'outputsFirst', (layer, role) => {
        const at = indices.get(layer.name);
        const module = at === undefined ? head[connected.indexOf(layer.name)] : `${features}${at}`;
        return `${module}.${ROLES[role]}`;
      });
    },
    ignores: (tensor) => IGNORED.test(tensor),
  };
}

/** Tensors apart from a net's function: counts of batches, of operations by profilers, and weights of a loss. */
const IGNORED = /\.num_batches_tracked$|(^|\.)total_(ops|params)$|^(criterion|loss(_fn)?)\./;

/** Naming of torchvision. https://github.com/pytorch/vision/blob/main/torchvision/models/vgg.py */
export const TORCHVISION = pytorchNaming('torchvision', {
  'fc6,fc7,fc8': 'classifier.0,classifier.3,classifier.6',
  'fc6,fc8': 'classifier.0,classifier.3',
  '': '',
});

/** Naming of convolutions in a `Sequential` of any name; it has no head. */
export const SEQUENTIAL = pytorchNaming('torchvision', { '': '' }, '');

/**
 * Naming of timm, where fc6 and fc7 are convolutions.
 * https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vgg.py
 */
export const TIMM = pytorchNaming('timm', { 'fc6,fc7,fc8': 'pre_logits.fc1,pre_logits.fc2,head.fc' });
