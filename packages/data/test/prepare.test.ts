/** Compares the preparation of images with other frameworks: Pillow's resizing, bit for bit, and torchvision's whole preset. */
import { describe, expect, it } from 'vitest';
import { type ImageTransform, prepareImage, resampleAsPillow, sameTransform } from '../src';
import recorded from './fixtures/prepare.json';
import { bytes, floats, noiseImage } from './numbers';

const { width, height, state } = recorded.source;
const source = noiseImage(width, height, state);

/** torchvision's transform for ImageNet at 1/16 of its size. */
const TRANSFORM: ImageTransform = {
  resize: 'shortest',
  scale: 16,
  interpolation: 'pillow-bilinear',
  crop: 14,
  channels: 'RGB',
  range: 1,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** An image of one pixel with low and high values. */
const PIXEL = { data: Uint8Array.of(10, 20, 250), width: 1, height: 1 };
const PLAIN: ImageTransform = {
  resize: 'shortest',
  scale: 1,
  interpolation: 'antialiased',
  crop: 1,
  channels: 'RGB',
  range: 255,
  mean: [1, 2, 3],
  std: [1, 1, 1],
};

describe('resampling as Pillow', () => {
  const cases = recorded.cases.flatMap((size) =>
    (['nearest', 'bilinear', 'bicubic'] as const).map((f) => [f, size] as const),
  );

  it.each(cases)('%s gives the same bits at $width x $height', (filter, expected) => {
    const size = { width: expected.width, height: expected.height };
    const whole = resampleAsPillow(source, size, { left: 0, top: 0, ...size }, filter);
    expect(Buffer.from(whole.data)).toEqual(Buffer.from(bytes(expected[filter])));
  });

  it.each(['nearest', 'bilinear', 'bicubic'] as const)(
    '%s computes a window with the values of the whole result',
    (filter) => {
      const size = { width: 40, height: 46 };
      const whole = resampleAsPillow(source, size, { left: 0, top: 0, ...size }, filter);
      const part = resampleAsPillow(source, size, { left: 7, top: 30, width: 5, height: 3 }, filter);
      const expected = [30, 31, 32].flatMap((y) => [...whole.data.subarray((y * 40 + 7) * 3, (y * 40 + 12) * 3)]);
      expect([...part.data]).toEqual(expected);
    },
  );
});

describe('preparing an image', () => {
  it("with torchvision's transform gives the result of its preset", () => {
    const prepared = prepareImage(source, TRANSFORM);
    expect(prepared).toMatchObject({ width: 14, height: 14 });
    expect(prepared.data).toBeAllclose(floats(recorded.torchvision), { rtol: 1e-6, atol: 1e-6 });
  });

  it('subtracts the mean and divides by the deviation in the order and range of the net', () => {
    expect([...prepareImage(PIXEL, PLAIN).data]).toEqual([9, 18, 247]);
    expect([...prepareImage(PIXEL, { ...PLAIN, channels: 'BGR' }).data]).toEqual([249, 18, 7]);
    expect([...prepareImage(PIXEL, { ...PLAIN, std: [3, 2, 1] }).data]).toEqual([3, 9, 247]);
    const unit = prepareImage(PIXEL, { ...PLAIN, range: 1, mean: [0, 0, 0] });
    expect(unit.data).toBeAllclose([10 / 255, 20 / 255, 250 / 255], { rtol: 1e-6 });
  });

  it('stretches an image to a square if the transform says so', () => {
    const wide = { data: Uint8Array.from({ length: 24 }, (_, i) => (i < 12 ? 40 : 80)), width: 8, height: 1 };
    const transform: ImageTransform = { ...PLAIN, resize: 'stretch', scale: 2, crop: 2, mean: [0, 0, 0] };
    const { data } = prepareImage(wide, { ...transform, interpolation: 'pillow-nearest' });
    expect([...data]).toEqual([40, 40, 40, 80, 80, 80, 40, 40, 40, 80, 80, 80]);
  });

  it.each([
    [
      { resize: 'shortes' },
      /resize of a transform must be one of shortest, stretch, got shortes \(did you mean "shortest"\?\)/,
    ],
    [{ interpolation: 'lanczos' }, /interpolation of a transform must be one of/],
    [{ channels: 'RBG' }, /channels of a transform must be one of RGB, BGR/],
    [{ range: 256 }, /range of a transform must be one of 1, 255, got 256/],
    [{ crop: 20 }, /1 ≤ crop ≤ scale, got crop 20 and scale 16/],
    [{ scale: 15.5 }, /integers/],
    [{ mean: [0, Number.NaN, 0] }, /mean of a transform must be three finite numbers/],
    [{ std: [1, 0, 1] }, /std of a transform must be three positive numbers, got \[1,0,1\]/],
  ])('refuses %j', (change, message) => {
    const transform = { ...TRANSFORM, ...change } as ImageTransform;
    expect(() => prepareImage(source, transform)).toThrow(expect.objectContaining({ code: 'VGG_ARGUMENT' }));
    expect(() => prepareImage(source, transform)).toThrow(message);
  });
});

describe('comparing transforms', () => {
  it('finds every difference, and only differences', () => {
    expect(sameTransform(TRANSFORM, { ...TRANSFORM, mean: [...TRANSFORM.mean] })).toBe(true);
    expect(sameTransform(TRANSFORM, { ...TRANSFORM, mean: [0.485, 0.456, 0.407] })).toBe(false);
    expect(sameTransform(TRANSFORM, { ...TRANSFORM, channels: 'BGR' })).toBe(false);
  });
});
