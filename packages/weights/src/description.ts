/** What a weight file says of its network: options, class order, preprocessing; kept as JSON in the file's metadata. */
import { VggError } from '@vgg/core';
import { type ResolvedVggOptions, resolveOptions, type VggOptions } from '@vgg/models';

/** How the network's images were prepared in training (section 3.1). */
export interface Preprocessing {
  /** Mean RGB of the training set on the 0..255 scale, subtracted from every pixel. */
  readonly mean: readonly [number, number, number];
  /** Smallest side S of the rescaled image in pixels: fixed, or the range it was drawn from. */
  readonly scale: number | readonly [min: number, max: number];
}

/** All that is needed to use a network, besides its weights. */
export interface ModelDescription {
  /** Class names in the order of the network's outputs. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}

const [OPTIONS, CLASSES, PREPROCESSING] = ['vgg.options', 'vgg.classes', 'vgg.preprocessing'];

function isFinitePositive(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0;
}

/** What is wrong with a description, if anything; it may come from a file. */
function fault(options: ResolvedVggOptions, { classes, preprocessing }: ModelDescription): string | undefined {
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string')) {
    return 'expected the classes as a list of names';
  }
  if (classes.length !== options.classes) {
    return `expected as many class names as the net has classes, ${options.classes}, got ${classes.length}`;
  }
  const { mean, scale } = preprocessing ?? {};
  if (!Array.isArray(mean) || mean.length !== 3 || !mean.every(Number.isFinite)) {
    return 'expected the mean as three finite numbers';
  }
  const sides: readonly unknown[] = Array.isArray(scale) ? scale : [scale, scale];
  if (sides.length !== 2 || !sides.every(isFinitePositive) || (sides[0] as number) > (sides[1] as number)) {
    return 'expected the scale S as a positive number or an ascending range of two';
  }
  return undefined;
}

/**
 * A network's description as the metadata of a file. Checkpoints of a training run carry the same.
 * @throws VggError `VGG_ARGUMENT` unless there is a name for each class, a finite mean and a scale.
 */
export function describeModel(options: VggOptions, description: ModelDescription): Record<string, string> {
  const resolved = resolveOptions(options);
  const wrong = fault(resolved, description);
  if (wrong !== undefined) throw new VggError('argument', `description of a net: ${wrong}`);
  const { mean, scale } = description.preprocessing;
  return {
    [OPTIONS]: JSON.stringify(resolved),
    [CLASSES]: JSON.stringify(description.classes),
    [PREPROCESSING]: JSON.stringify({ mean, scale }),
  };
}

function parsed(metadata: Readonly<Record<string, string>>, key: string, source: string): unknown {
  const text = metadata[key];
  if (text === undefined) {
    throw new VggError(
      'weights',
      `${source} does not describe its net: its metadata lacks ${key}; use loadWeights instead`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VggError('weights', `${source} does not describe its net: its ${key} is not JSON`, { cause });
  }
}

function resolvedOptions(options: unknown, source: string): ResolvedVggOptions {
  try {
    return resolveOptions(options as VggOptions);
  } catch (cause) {
    const reason = cause instanceof VggError ? cause.message : String(cause);
    throw new VggError('weights', `${source} does not describe its net: ${reason}`, { cause });
  }
}

/**
 * The net's options in a file's metadata, or undefined where it has none.
 * @throws VggError `VGG_WEIGHTS` when they are not sound.
 */
export function describedOptions(
  metadata: Readonly<Record<string, string>>,
  source: string,
): ResolvedVggOptions | undefined {
  if (metadata[OPTIONS!] === undefined) return undefined;
  return resolvedOptions(parsed(metadata, OPTIONS!, source), source);
}

/**
 * The description in a file's metadata.
 * @returns with `rest`, all other metadata.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is missing or not sound.
 */
export function parseDescription(
  metadata: Readonly<Record<string, string>>,
  source: string,
): ModelDescription & { options: ResolvedVggOptions; rest: Record<string, string> } {
  const [options, classes, preprocessing] = [OPTIONS, CLASSES, PREPROCESSING].map((key) =>
    parsed(metadata, key!, source),
  );
  const resolved = resolvedOptions(options, source);
  const description = { classes, preprocessing } as ModelDescription;
  const wrong = fault(resolved, description);
  if (wrong !== undefined) throw new VggError('weights', `${source} does not describe its net: ${wrong}`);
  const rest = Object.entries(metadata).filter(([key]) => ![OPTIONS, CLASSES, PREPROCESSING].includes(key));
  return { ...description, options: resolved, rest: Object.fromEntries(rest) };
}
