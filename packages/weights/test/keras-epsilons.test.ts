/** Epsilons of batch norms in the configuration of a Keras model, whatever else the configuration has. */
import { describe, expect, it } from 'vitest';
import { bytesOf, openWeights } from '../src/index';
import { withEpsilons } from '../src/keras/epsilons';
import type { TensorInfo } from '../src/sources/source';

const norm = (name: string, epsilon?: unknown) => ({
  class_name: 'BatchNormalization',
  config: { name, ...(epsilon === undefined ? {} : { epsilon }) },
});
const model = (name: string, ...layers: unknown[]) => ({ class_name: 'Functional', config: { name, layers } });

/** Returns the epsilon of each tensor of these names. */
function epsilons(config: unknown, ...names: string[]): (number | undefined)[] {
  const tensors = new Map<string, TensorInfo>(names.map((name) => [name, { dtype: 'F32', shape: [1] }]));
  return [...withEpsilons(tensors, config, 'net.keras').values()].map(({ varianceEpsilon }) => varianceEpsilon);
}

describe('the epsilon of a batch norm', () => {
  const net = model(
    'vgg',
    { class_name: 'Conv2D', config: { name: 'c' } },
    norm('a', 0.1),
    norm('b'),
    norm('s/c', 0.3),
  );

  it.each([
    [
      'is found in HDF5',
      ['model_weights/a/a/moving_variance:0', 'b/b/moving_variance', 's/c/s/c/moving_variance'],
      [0.1, undefined, 0.3],
    ],
    ['is found in TF.js', ['a/moving_variance', 'b/moving_variance', 's/c/moving_variance'], [0.1, undefined, 0.3]],
    [
      'is found in .keras, by the number of the layer',
      [
        'layers/batch_normalization/vars/3',
        'layers/batch_normalization_1/vars/3',
        'layers/batch_normalization_2/vars/3',
      ],
      [0.1, undefined, 0.3],
    ],
    ['is found in .keras of Keras 2', ['_layer_checkpoint_dependencies/batch_normalization_2/vars/3'], [0.3]],
    [
      'is set only for the variance',
      ['a/moving_mean', 'a/gamma', 'layers/batch_normalization/vars/2'],
      [undefined, undefined, undefined],
    ],
    [
      'is not set for other layers',
      ['d/moving_variance', 'moving_variance', 'layers/conv2d/vars/3', ''],
      [undefined, undefined, undefined, undefined],
    ],
  ] as const)('%s', (_what, names, expected) => {
    expect(epsilons(net, ...names)).toEqual([...expected]);
  });

  it('of a model within a model is found by its whole path', () => {
    const outer = model('outer', norm('a', 0.1), model('inner', norm('b', 0.2)), model('other', norm('c', 0.3)));
    const paths = ['layers', 'layers/functional/layers', 'layers/functional_1/layers'];
    expect(epsilons(outer, ...paths.map((path) => `${path}/batch_normalization/vars/3`))).toEqual([0.1, 0.2, 0.3]);
  });

  it('is found in a list of layers, the format of the first Sequential models', () => {
    expect(epsilons({ class_name: 'Sequential', config: [norm('a', 0.1)] }, 'a/moving_variance')).toEqual([0.1]);
  });

  it.each([null, 3, 'x', [], {}, { config: 3 }, { config: { layers: 3 } }, model('x', null, 3, {}, norm('a'))])(
    'is undefined for the configuration %j',
    (config) => expect(epsilons(config, 'a/moving_variance')).toEqual([undefined]),
  );

  it.each(['0.1', -1, null, 1e300, [1]])('is refused if it is %j', (epsilon) => {
    expect(() => epsilons(model('x', norm('a', epsilon)), 'a/moving_variance')).toThrow(
      `net.keras is not a valid Keras model: layers/batch_normalization has an epsilon of ${JSON.stringify(epsilon)}`,
    );
  });

  it('is read from a model written by TF.js', async () => {
    const weights = [{ name: 'a/moving_variance', shape: [1], dtype: 'float32' }];
    const json = { modelTopology: model('x', norm('a', 0.5)), weightsManifest: [{ paths: ['a.bin'], weights }] };
    const content = new TextEncoder().encode(JSON.stringify(json));
    const source = await openWeights(bytesOf(content, 'model.json', new Map([['a.bin', new Uint8Array(4)]])));
    expect(source.tensors.get('a/moving_variance')?.varianceEpsilon).toBe(0.5);
  });
});
