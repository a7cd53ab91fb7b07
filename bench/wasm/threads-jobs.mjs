/** Sizes of the jobs of `threads.mjs`. */

/** Convolutions of 3 × 3 with a padding of 1: batch, side, channels. */
export const CONVOLUTIONS = [
  [4, 32, 64, 64],
  [16, 8, 64, 128],
  [1, 56, 128, 128],
  [1, 14, 512, 512],
];

/** Net A at a quarter of its width. */
export const NET = {
  batch: 1,
  side: 224,
  stages: [[16], [32], [64, 64], [128, 128], [128, 128]],
  hidden: 1024,
  classes: 1000,
};

/** Name of a convolution in a table. */
export const nameOf = ([batch, side, inputs, outputs]) => `${batch} × ${side}² × ${inputs} → ${outputs}`;
