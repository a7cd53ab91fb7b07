/** Nets that other software checks after export. They are small, and their values are computed with integers only. */
import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { createVgg, inputShape, type Vgg, type VggOptions } from '@vgg/models';

const SMALL = { classes: 3, inputSize: 64, width: 1 / 32 } as const satisfies Partial<VggOptions>;

/** Options of the nets by name. Together they have every kind of layer, head, filter size and shape of the input. */
export const EXPORTED: Readonly<Record<string, VggOptions>> = {
  A: { ...SMALL, configuration: 'A' },
  'A-LRN': { ...SMALL, configuration: 'A-LRN' },
  'B-bn': { ...SMALL, configuration: 'B', batchNorm: true },
  'C-small': { ...SMALL, configuration: 'C', head: 'small' },
  'D-linear': { ...SMALL, configuration: 'D', head: 'linear' },
  'E-bn': { ...SMALL, configuration: 'E', batchNorm: true },
  'A-wide': { ...SMALL, configuration: 'A', inputSize: [64, 96] },
  'B-small-tall': { ...SMALL, configuration: 'B', head: 'small', inputSize: [96, 64] },
};

/** Returns numbers in [-1, 1) that are the same on every machine. */
export function hashed(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const mixed = Math.imul(Math.imul(i + 1, 2654435761) ^ Math.imul(seed + 1, 2246822519), 3266489917) >>> 0;
    return (mixed >>> 8) * 2 ** -23 - 1;
  });
}

/** Creates a net with pseudo-random values whose scores are neither all equal nor huge. */
export function exportedNet(name: string): Vgg {
  let seed = 0;
  return createVgg(EXPORTED[name]!, ({ role, shape }) => {
    const values = hashed(
      shape.reduce((a, b) => a * b, 1),
      ++seed,
    );
    const inputs = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    if (role === 'weight') return values.map((x) => x * 2 ** Math.round(1.5 - Math.log2(inputs) / 2));
    return role === 'scale' || role === 'variance' ? values.map((x) => 1 + x / 2) : values.map((x) => x / 4);
  });
}

/** Returns two images of a net's input size. */
export function inputImages({ options }: Vgg): Tensor4D {
  const [height, width] = inputShape(options);
  return exportedImages(height, width);
}

/** Returns images [2, height, width, 3] with the mean subtracted. */
export function exportedImages(height: number, width: number): Tensor4D {
  return tensor4d(
    hashed(2 * height * width * 3, 77).map((x) => x * 100),
    [2, height, width, 3],
  );
}
