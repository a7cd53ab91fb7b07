/** Settings, counts and texts for those who train on their own images. */
import { rawSource } from '@vgg/data';
import { resolveOptions } from '@vgg/models';
import type { Settings } from '@vgg/recipes';
import { describe, expect, it } from 'vitest';
import { describeClasses } from '../src/run/introduction';
import { settingsOfWeights } from '../src/run/net-of-weights';

describe('describeClasses', () => {
  const source = (labels: number[]) =>
    rawSource({
      images: new Uint8Array(labels.length * 48),
      labels: Uint8Array.from(labels),
      width: 4,
      height: 4,
      classes: ['dog', 'cat'],
    });

  it('counts images, names imbalance and chance, and the images left out of an epoch', () => {
    const train = source([0, 0, 0, 0, 0, 0, 1]);
    const data = { classes: ['dog', 'cat'], train, validation: source([0, 0, 0, 1]), layout: 'raw' } as never;
    const recipe = { batch: 2, classWeights: 'none', sampling: 'all' } as never;
    expect(describeClasses(data, recipe)).toEqual([
      'training images of 2 classes: dog 6, cat 1',
      'the classes are unbalanced: dog has 6.0 times the images of cat; --class-weights balanced or --sampling balanced make up for it',
      'error without looking at the image: 50.0 % by guessing, 25.0 % by always answering the most frequent class',
      'an epoch uses 6 of the 7 training images, other ones each time: whole batches of 2',
    ]);
  });
});

describe('settingsOfWeights', () => {
  const net = resolveOptions({ configuration: 'A', batchNorm: true, width: 0.25, inputSize: 64, head: 'small' });
  const settings = {
    config: 'D',
    batchNorm: false,
    width: 1,
    input: 224,
    head: 'auto',
    scale: 256,
  } as unknown as Settings;
  const known = { net, scale: 73, classes: ['a', 'b'] };

  it('takes the net, input and scale from the weights', () => {
    const expected = { config: 'A', batchNorm: true, width: 0.25, input: 64, head: 'small', scale: 73 };
    expect(settingsOfWeights(settings, known, new Set())).toEqual(expected);
  });

  it('takes height and width of a rectangle', () => {
    const wide = { ...known, net: resolveOptions({ ...net, inputSize: [32, 64] }) };
    expect(settingsOfWeights(settings, wide, new Set())).toMatchObject({ input: [32, 64], scale: 73 });
    const turned = settingsOfWeights({ ...settings, input: [64, 32] }, wide, new Set(['input'] as const));
    expect(turned).toMatchObject({ input: [64, 32], scale: undefined });
  });

  it('keeps what is given, and rescales in proportion for another input', () => {
    const kept = settingsOfWeights({ ...settings, input: 96 }, known, new Set(['input', 'width'] as const));
    expect(kept).toMatchObject({ config: 'A', width: 1, input: 96, scale: undefined });
  });
});
