/**
 * Specs of tfjs-core that fail on this backend, by reason: all are limits of stock kernels, which this package keeps. Each is
 * named exactly; the run of the whole suite fails if another spec fails, or if one of these passes.
 */
const UNCHECKED = 'the stock kernel does not check indices, which would need a read from the GPU';

const REASONS: readonly (readonly [reason: string, suite: string, names: readonly string[]])[] = [
  ['the exponential of WGSL has fewer digits than the spec expects of 1e4', 'exp', ['int32']],
  ['tangents of arguments beyond float32 differ by implementation', 'tan', ['numbers exceed float32 precision']],
  [
    'the stock kernel copies from a canvas of the browser',
    'fromPixels, mock canvas',
    ['accepts a canvas-like element', 'accepts a canvas-like element, numChannels=4'],
  ],
  [UNCHECKED, 'gather', ['throws when index is out of bound']],
  [
    'the shader of the stock Bincount does not compile: it compares i32 with a vector',
    'threshold',
    ['method otsu', 'method otsu, inverted = true'],
  ],
  [
    'the stock Cumprod is wrong with zeros and over several rows',
    'prod',
    [
      'gradients: prod(tensor with zeros)',
      'gradients: prod(2d, axis=0) and varied gradient values',
      'gradients: prod(2d, axis=1)',
    ],
  ],
  [
    UNCHECKED,
    'sparseSegmentMean',
    [
      'throw error if indices < 0',
      'throw error if indices >= max rows',
      'throw error if segment ids are not increasing',
      'throw error if segment id is out of range',
      'throw error if segment id is out of range and negative',
      'throw error if segment id is negative',
      'throw error if segment id is negative and there is a hole',
    ],
  ],
  [
    UNCHECKED,
    'sparseSegmentSum',
    [
      'indices invalid 1',
      'indices invalid 2',
      'segments invalid 2',
      'segments invalid 3',
      'segments invalid 4',
      'segments invalid 6',
      'segments invalid 7',
    ],
  ],
];

/** Reason by exact name. */
export const SKIPPED: ReadonlyMap<string, string> = new Map(
  REASONS.flatMap(([reason, suite, names]) =>
    names.map((name) => [`${suite} webgpu {"WEBGPU_CPU_FORWARD":false} ${name}`, reason] as const),
  ),
);
