/** What a weight file says of its network: options, class order, preprocessing; kept as JSON in the file's metadata. */
import { VggError } from '@vgg/core';
import { type ResolvedVggOptions, resolveOptions, type VggOptions } from '@vgg/models';
import { type Preprocessing, plainPreprocessing, preprocessingFault } from './preprocessing';

/** All that is needed to use a network, besides its weights. */
export interface ModelDescription {
  /** Class names in the order of the network's outputs. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}

const [OPTIONS, CLASSES, PREPROCESSING] = ['vgg.options', 'vgg.classes', 'vgg.preprocessing'] as const;

/** What is wrong with a description, if anything; it may come from a file. */
function fault(options: ResolvedVggOptions, { classes, preprocessing }: ModelDescription): string | undefined {
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string')) {
    return 'expected the classes as a list of names';
  }
  // A net without a head has no outputs to name.
  if (classes.length !== options.classes && !(options.head === 'none' && classes.length === 0)) {
    return `expected as many class names as the net has classes, ${options.classes}, got ${classes.length}`;
  }
  return preprocessingFault(preprocessing);
}

/**
 * A network's description as the metadata of a file. Checkpoints of a training run carry the same.
 * @throws VggError `VGG_ARGUMENT` unless there is a name for each class, a finite mean and a scale.
 */
export function describeModel(options: VggOptions, description: ModelDescription): Record<string, string> {
  const resolved = resolveOptions(options);
  const wrong = fault(resolved, description);
  if (wrong !== undefined) throw new VggError('argument', `description of a net: ${wrong}`);
  return {
    [OPTIONS]: JSON.stringify(resolved),
    [CLASSES]: JSON.stringify(description.classes),
    [PREPROCESSING]: JSON.stringify(plainPreprocessing(description.preprocessing)),
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
  if (metadata[OPTIONS] === undefined) return undefined;
  return resolvedOptions(parsed(metadata, OPTIONS, source), source);
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
    parsed(metadata, key, source),
  );
  const resolved = resolvedOptions(options, source);
  const description = { classes, preprocessing } as ModelDescription;
  const wrong = fault(resolved, description);
  if (wrong !== undefined) throw new VggError('weights', `${source} does not describe its net: ${wrong}`);
  const rest = Object.entries(metadata).filter(
    ([key]) => !([OPTIONS, CLASSES, PREPROCESSING] as readonly string[]).includes(key),
  );
  return { ...description, options: resolved, rest: Object.fromEntries(rest) };
}

/**
 * What a file's metadata says of the use of its net, whatever its tensors' names: class order and preprocessing.
 * @throws VggError `VGG_WEIGHTS` when it says either unsoundly, or not one name for each class.
 */
export function describedUse(
  metadata: Readonly<Record<string, string>>,
  options: ResolvedVggOptions,
  source: string,
): ModelDescription | undefined {
  if (metadata[CLASSES] === undefined && metadata[PREPROCESSING] === undefined) return undefined;
  // Whoever takes the convolutions alone of a net with classes has none of them left.
  const headless = options.head === 'none' ? { [CLASSES]: '[]' } : {};
  const described = parseDescription({ ...metadata, [OPTIONS]: JSON.stringify(options), ...headless }, source);
  return { classes: described.classes, preprocessing: described.preprocessing };
}
