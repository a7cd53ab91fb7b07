/** How a net's images are prepared, as its weight file says it, and the one transform that follows for its evaluation. */

/** Red, green, blue. */
type Rgb = readonly [number, number, number];

/**
 * How a net's images were prepared in training (section 3.1). What is not given is as in the paper and this project's
 * training: RGB on the 0..255 scale, no division, the smallest side rescaled by the antialiased filter, a centre crop.
 */
export interface Preprocessing {
  /** Subtracted from every pixel: of the training set, on the scale of `range`, in the order of `channels`. */
  readonly mean: Rgb;
  /** Smallest side S of the rescaled image in pixels: fixed, or the range it was drawn from. */
  readonly scale: number | readonly [min: number, max: number];
  /** What pixels are divided by after that. Default [1, 1, 1]. */
  readonly std?: Rgb;
  /** What white is. Default 255. */
  readonly range?: 1 | 255;
  /** The order of the colours that conv1_1 takes. Default RGB. */
  readonly channels?: 'RGB' | 'BGR';
  /** `shortest`: in proportion, to a smallest side of `scale`. `stretch`: both sides to `scale`. Default `shortest`. */
  readonly resize?: 'shortest' | 'stretch';
  /** Default `antialiased`, bilinear in float32; `pillow-…` are Pillow's on 8 bits, as torchvision and Keras use them. */
  readonly interpolation?: 'antialiased' | 'pillow-bilinear' | 'pillow-bicubic' | 'pillow-nearest';
}

/** A net's way from a photograph to its input: `ImageTransform` of `@vgg/data`, which `prepareImage` there carries out. */
export interface InputTransform extends Required<Preprocessing> {
  /** Smallest side Q in pixels. */
  readonly scale: number;
  /** Side of the square cut from the centre: the net's input. */
  readonly crop: number;
}

const CHOICES: Readonly<Record<string, readonly unknown[]>> = {
  range: [1, 255],
  channels: ['RGB', 'BGR'],
  resize: ['shortest', 'stretch'],
  interpolation: ['antialiased', 'pillow-bilinear', 'pillow-bicubic', 'pillow-nearest'],
};

function isFinitePositive(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0;
}

function isTriple(value: unknown, accepts: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length === 3 && value.every(accepts);
}

/** What is wrong with a preprocessing, if anything; it may come from a file. */
export function preprocessingFault(value: unknown): string | undefined {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { mean, scale, std = [1, 1, 1] } = given;
  if (!isTriple(mean, Number.isFinite)) return 'expected the mean as three finite numbers';
  const sides: readonly unknown[] = Array.isArray(scale) ? scale : [scale, scale];
  if (sides.length !== 2 || !sides.every(isFinitePositive) || (sides[0] as number) > (sides[1] as number)) {
    return 'expected the scale S as a positive number or an ascending range of two';
  }
  if (!isTriple(std, isFinitePositive)) return 'expected the std as three positive numbers';
  for (const [key, known] of Object.entries(CHOICES)) {
    if (given[key] !== undefined && !known.includes(given[key]))
      return `expected the ${key} as one of ${known.join(', ')}`;
  }
  return undefined;
}

/** What a file keeps of a preprocessing: what is given, and nothing else. */
export function plainPreprocessing(given: Preprocessing): Preprocessing {
  const { mean, scale, std, range, channels, resize, interpolation } = given;
  return JSON.parse(JSON.stringify({ mean, scale, std, range, channels, resize, interpolation })) as Preprocessing;
}

/**
 * The transform for a net's evaluation by one centre crop: Q is S, or the middle of its range (section 4.1), and no less
 * than the net's input.
 */
export function inputTransform(preprocessing: Preprocessing, inputSize: number): InputTransform {
  const { mean, scale, std = [1, 1, 1], range = 255, channels = 'RGB' } = preprocessing;
  const { resize = 'shortest', interpolation = 'antialiased' } = preprocessing;
  const middle = typeof scale === 'number' ? scale : (scale[0] + scale[1]) / 2;
  const side = Math.max(inputSize, Math.round(middle));
  return { resize, scale: side, interpolation, crop: inputSize, channels, range, mean, std };
}
