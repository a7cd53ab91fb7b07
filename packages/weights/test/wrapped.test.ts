/** Nets inside a person's own model: wrappers, heads of any names, objects of training scripts, our own TF.js names. */
import { layerVariables, planLayers, resolveOptions } from '@vgg/models';
import { describe, expect, it } from 'vitest';
import { bytesOf, fromFloat32, openWeights, recogniseNet, serialiseSafetensors } from '../src/index';

/** Net A of width 1/16 in torchvision's names under `features`, and fully-connected layers [outputs, inputs] by name. */
async function file(
  features: string,
  head: Readonly<Record<string, readonly [number, number]>>,
  at?: readonly number[],
) {
  const layers = planLayers(resolveOptions({ configuration: 'A', width: 1 / 16, head: 'none' }));
  const convolutions = layers.filter((layer) => layerVariables(layer).length > 0);
  const placeOf = (layer: (typeof layers)[number]) => at?.[convolutions.indexOf(layer)] ?? layers.indexOf(layer);
  const zeros = (shape: readonly number[]) => fromFloat32([...shape], new Float32Array(shape.reduce((a, b) => a * b)));
  const tensors = new Map<string, ReturnType<typeof zeros>>(
    layers.flatMap((layer) =>
      layerVariables(layer).map(({ role, shape }) => {
        const [height, width, inputs, outputs] = shape;
        const stored = role === 'weight' ? [outputs!, inputs!, height!, width!] : shape;
        return [`${features}${placeOf(layer)}.${role}`, zeros(stored)] as const;
      }),
    ),
  );
  for (const [name, [outputs, inputs]] of Object.entries(head)) {
    tensors.set(`${name}.weight`, zeros([outputs, inputs]));
    tensors.set(`${name}.bias`, zeros([outputs]));
  }
  return openWeights(bytesOf(serialiseSafetensors(tensors)));
}

describe('a net in a wrapper', () => {
  it.each([
    ['features.', { classifier: [5, 32 * 49] }, 'linear'],
    ['backbone.features.', { fc: [5, 32 * 49] }, 'linear'],
    ['0.', { '2': [32, 32 * 49], '4': [5, 32] }, 'small'],
    ['model.encoder.', { 'head.a': [256, 32 * 49], 'head.b': [256, 256], 'head.c': [5, 256] }, 'paper'],
    ['', {}, 'none'],
    ['encoder.', { a: [7, 32], b: [5, 7] }, 'none'],
  ] as const)('whose convolutions are in %j is found, with the head %j as %s', async (features, head, kind) => {
    const { options, report } = recogniseNet(await file(features, head));
    expect(options).toMatchObject({ configuration: 'A', width: 1 / 16, head: kind });
    expect(report).toMatchObject({ missing: [], leftOver: [], misshapen: [] });
  });

  it('is found without the tensors that a loss and a profiler left next to it', async () => {
    const torchvision = [0, 3, 6, 8, 11, 13, 16, 18];
    const head = { 'classifier.0': [256, 32 * 49], 'classifier.3': [256, 256], 'classifier.6': [5, 256] } as const;
    const extra = { criterion: [5, 1], loss_fn: [5, 1] } as const;
    const { report, naming } = recogniseNet(await file('features.', { ...head, ...extra }, torchvision));
    expect(naming.name).toBe('torchvision');
    expect(report).toMatchObject({ missing: [], leftOver: [], misshapen: [] });
    const other = recogniseNet(await file('features.', { ...head, attention: [5, 1] }, torchvision));
    expect(other.report.leftOver).toEqual(['attention.weight', 'attention.bias']);
  });
});
