/** Invalid input of a net, and its error messages. */
import './engine';
import { type Tensor, type Tensor4D, tensor4d, tidy, zeros } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createVgg, type Vgg } from '../src/index';
import { images, numbers, refusal, SMALL } from './small-net';

describe('bad input', () => {
  const net = createVgg(SMALL) as Vgg;

  it.each<[string, () => Tensor, RegExp]>([
    [
      'of rank 3',
      () => zeros([32, 32, 3]),
      /expected float32 images \[n, height, width, 3\] .*, got float32 \[32,32,3\]/,
    ],
    ['with 1 channel', () => zeros([1, 32, 32, 1]), /got float32 \[1,32,32,1\]/],
    [
      'with channels first',
      () => zeros([1, 3, 32, 32]),
      /got float32 \[1,3,32,32\]: transpose them, \[0, 2, 3, 1\], as their channels come first$/,
    ],
    ['of integers', () => zeros([1, 32, 32, 3], 'int32'), /got int32 \[1,32,32,3\]/],
    ['in an empty batch', () => zeros([0, 32, 32, 3]), /n at least 1, got float32 \[0,32,32,3\]/],
  ])('images %s are refused by every view', (_, make, message) => {
    expect(refusal('shape', () => net.apply(make() as Tensor4D))).toMatch(message);
    expect(refusal('shape', () => net.dense(make() as Tensor4D))).toMatch(message);
    expect(refusal('shape', () => net.features(make() as Tensor4D, ['pool1']))).toMatch(message);
  });

  it('images of another size are refused by the classifier, which mentions dense()', () => {
    expect(refusal('shape', () => net.apply(images(32, 40)))).toBe(
      'the classifier needs images of 32 x 32, got 32 x 40: crop them, or use dense()',
    );
  });

  it('images below the training crop are refused by the dense view, in either direction', () => {
    expect(refusal('shape', () => net.dense(images(31, 64)))).toMatch(/needs height ≥ 32, got 31: rescale/);
    expect(refusal('shape', () => net.dense(images(64, 31)))).toMatch(/needs width ≥ 32, got 31: rescale/);
    expect(refusal('shape', () => net.features(images(16), ['relu6']))).toMatch(/relu6 needs height ≥ 32, got 16/);
    expect(refusal('shape', () => net.features(images(4, 3), ['pool2']))).toMatch(/pool2 needs width ≥ 4, got 3/);
    expect(refusal('shape', () => net.features(images(16, 15), ['relu5_2']))).toMatch(
      /relu5_2 needs width ≥ 16, got 15/,
    );
    tidy(() => void expect(net.features(images(16), ['relu5_2']).relu5_2.shape).toEqual([2, 1, 1, 16]));
  });

  it('unknown taps are refused with the nearest name', () => {
    expect(refusal('argument', () => net.apply(images(), { taps: ['relu1_2'] }))).toMatch(
      /no layer "relu1_2" to tap \(did you mean "relu1_1"\?\)/,
    );
    expect(refusal('argument', () => net.dense(images(), { taps: ['fc7'] }))).toMatch(/no layer "fc7"/);
    expect(refusal('argument', () => net.features(images(), []))).toMatch(
      /expected the names of layers to tap, got none/,
    );
  });

  it('a disposed net is refused', () => {
    const gone = createVgg(SMALL);
    gone.dispose();
    gone.dispose();
    for (const use of [
      () => gone.apply(images()),
      () => gone.dense(images()),
      () => gone.features(images(), ['pool1']),
      () => gone.freeze('fc6'),
      () => gone.replaceHead(3),
      () => gone.updateStatistics({}),
    ]) {
      expect(refusal('state', use)).toMatch(/this net has been disposed/);
    }
  });

  it('NaN in an image changes its own logits and no others', () => {
    tidy(() => {
      const batch = images();
      const values = Float32Array.from(batch.dataSync()).fill(Number.NaN, 0, 32 * 32 * 3);
      const logits = numbers(net.apply(tensor4d(values, batch.shape)).logits);
      expect(logits.slice(0, 4).every(Number.isNaN)).toBe(true);
      expect(logits.slice(4)).toEqual(numbers(net.apply(batch).logits).slice(4));
    });
  });
});
