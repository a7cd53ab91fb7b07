/**
 * Specs of tfjs-core that fail on this backend, by reason. All are limitations of the stock backend, which this package
 * keeps. Names are exact. The test fails if one of these specs does not exist or passes.
 */
const NCHW = 'the stock backend takes NHWC only';
const COMPLEX = 'the stock backend has no complex numbers';
const POOL = 'the stock pooling kernels leave the border of a padded 1 × 1 window unwritten';

const REASONS: readonly (readonly [reason: string, names: readonly string[]])[] = [
  [
    NCHW,
    [
      'x=[2,1,2,2] f=[1,1,1,1] s=1 d=1 p=0 NCHW',
      'x=[1,2,2] f=[2,2,1,1] s=1 d=1 p=same NCHW',
      'x=[4,2,2] f=[1,1,4,4] s=1 d=1 p=same NCHW',
      'x=[3,2,2] f=[1,1,3,4] s=1 d=1 p=same NCHW',
      'x=[2,2,2,2] f=[1,1,4,4] s=1 d=1 p=same NCHW',
      'x=[4,2,2] f=[2,2,4,4] s=1 d=1 p=same NCHW',
      'x=[1,2,2] f=[2,2,1,1] s=1 d=1 p=explicit NCHW',
      'x=[2,2,2] f=[2,2,2,1] s=1 d=1 p=same NCHW',
      'x=[2,1,2,2] f=[2,2,1,1] s=1 d=1 p=same NCHW',
      'gradient x=[1,1,3,3] f=[2,2,1,1] s=1 p=0 NCHW',
      'gradient x=[2,1,3,3] f=[2,2,1,1] s=1 p=0 NCHW',
    ].map((name) => `conv2d wasm {} ${name}`),
  ],
  [COMPLEX, ['1D', '2D', '3D', '4D'].map((rank) => `clone wasm {} ${rank} complex64 dtype`)],
  ['the stock backend multiplies float32 matrices only', ['matmul wasm {} upcasts when dtypes dont match']],
  [
    POOL,
    [
      'pool wasm {} max x=[2,2,3] f=[1,1] s=2 p=1 fractional outputs default rounding',
      'pool wasm {} avg x=[2,2,3] f=[1,1] s=2 p=1 fractional outputs default rounding',
    ],
  ],
];

/** Reason by exact name. */
export const SKIPPED: ReadonlyMap<string, string> = new Map(
  REASONS.flatMap(([reason, names]) => names.map((name) => [name, reason] as const)),
);
