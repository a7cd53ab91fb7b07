/** What `start` alone does: the demo's images and the options that train a narrow net on them in a few minutes. */
import type { DemoImagesOptions } from './demo-images';

/** Options of `train`, by name, that the demo takes where none was written: some 6 % top-1 error. */
export const DEMO_DEFAULTS = {
  config: 'A',
  batchNorm: true,
  width: 0.125,
  input: 64,
  scale: [64, 96] as const,
  dropout: 0,
  batch: 32,
  epochs: 14,
  rate: 0.01,
  schedule: 'cosine',
} as const;

/** Pictures per class. */
export const DEMO_IMAGES: DemoImagesOptions = { train: 120, validation: 20, seed: 1 };
