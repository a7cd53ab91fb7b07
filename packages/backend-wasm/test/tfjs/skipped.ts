/**
 * Specs of tfjs-core that fail on this backend, by reason. All are limitations of the stock backend, which this package
 * keeps. Names are exact. The test fails if one of these specs does not exist or passes.
 */
const NCHW = 'the stock backend takes NHWC only';
const COMPLEX = 'the stock backend has no complex numbers';
const BIAS = 'the stock fused kernels take a bias of rank 1 only';
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
  [
    NCHW,
    ['basic', 'im2row', 'batch'].flatMap((kind) => {
      const weights = kind === 'basic' ? '' : ' weights';
      const prelu = ['scalar', '1-D', '3-D', 'full 3-D'].map((rank) => ` with ${rank} PReLU actiavation${weights}`);
      const finishes = ['', ' with scalar bias', ' with 1-D bias', ...prelu];
      return finishes.map((finish) => `fused conv2d wasm {} ${kind} in NCHW${finish}`);
    }),
  ],
  [NCHW, ['fused conv2d wasm {} basic in NCHW with bias and multiple batches']],
  [
    BIAS,
    [
      'fused conv2d wasm {} basic with broadcasted bias and relu',
      'fused conv2d wasm {} im2row with broadcasted bias and relu',
      'fused conv2d wasm {} gradient x=[2,3,3,1] f=[2,2,1,1] s=1 p=0 with bias',
      'fused matmul wasm {} fused A x B with 2d bias and relu',
      'fused matmul wasm {} fused A x B with 2d bias only',
      'fused matmul wasm {} fused A x B with relu and broadcasted bias different rank',
    ],
  ],
  [COMPLEX, ['1D', '2D', '3D', '4D'].map((rank) => `clone wasm {} ${rank} complex64 dtype`)],
  [COMPLEX, ['', ' broadcasting'].map((kind) => `mul wasm {} complex number${kind} multiplication`)],
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
