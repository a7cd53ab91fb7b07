/**
 * Draws random pixel operations for a training crop: colour jitter (torchvision's ColorJitter without hue) and TrivialAugment
 * (Müller and Hutter, arXiv:2103.10158, the wide space) as torchvision's TrivialAugmentWide. Both are off by default.
 */
import type { RandomStream } from '@vgg/core';
import type { Size } from './image';
import type { PixelOperation } from './pixel-operations';

/** Number of strengths of TrivialAugment. */
const BINS = 31;
/** Largest shear, shift in pixels and rotation in degrees of TrivialAugment. */
const LARGEST = { shear: 0.99, shift: 32, rotation: 135, blend: 0.99 } as const;

/** Draws brightness, contrast and saturation, each a factor from 1 - strength to 1 + strength, in random order. */
export function drawJitter(random: RandomStream, strength: number): PixelOperation[] {
  const kinds = ['brightness', 'contrast', 'saturation'] as const;
  const operations = kinds.map((kind) => ({ kind, factor: 1 + strength * (2 * random.uniform() - 1) }));
  return Array.from(random.permutation(kinds.length), (i) => operations[i]!);
}

/** Returns the operation that rotates a crop about its centre, counter-clockwise. */
function rotation(degrees: number, { width, height }: Size): PixelOperation {
  const angle = (degrees * Math.PI) / 180;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const [x, y] = [width / 2, height / 2];
  return { kind: 'affine', matrix: [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y] };
}

/** The operations of TrivialAugment by strength from 0 to 1; `sign` is 1 or -1. */
const TRIVIAL: readonly ((strength: number, sign: number, crop: Size) => PixelOperation[])[] = [
  () => [],
  (s, sign) => [{ kind: 'affine', matrix: [1, sign * s * LARGEST.shear, 0, 0, 1, 0] }],
  (s, sign) => [{ kind: 'affine', matrix: [1, 0, 0, sign * s * LARGEST.shear, 1, 0] }],
  (s, sign) => [{ kind: 'affine', matrix: [1, 0, Math.trunc(sign * s * LARGEST.shift), 0, 1, 0] }],
  (s, sign) => [{ kind: 'affine', matrix: [1, 0, 0, 0, 1, Math.trunc(sign * s * LARGEST.shift)] }],
  (s, sign, crop) => [rotation(sign * s * LARGEST.rotation, crop)],
  ...(['brightness', 'saturation', 'contrast', 'sharpness'] as const).map((kind) => (s: number, sign: number) => [
    { kind, factor: 1 + sign * s * LARGEST.blend },
  ]),
  (s) => [{ kind: 'posterise', bits: 8 - Math.round(s * 6) }],
  (s) => [{ kind: 'solarise', threshold: 255 * (1 - s) }],
  () => [{ kind: 'autocontrast' }],
  () => [{ kind: 'equalise' }],
];

/** Draws one operation of TrivialAugment with one of 31 strengths for a crop; none for the identity. */
export function drawTrivial(random: RandomStream, crop: Size): PixelOperation[] {
  const operation = TRIVIAL[random.integer(TRIVIAL.length)]!;
  const strength = random.integer(BINS) / (BINS - 1);
  return operation(strength, random.uniform() < 0.5 ? 1 : -1, crop);
}
