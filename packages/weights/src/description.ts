/** Description of a net in a weight file: options, class order and preprocessing, as JSON in the file's metadata. */
import { VggError } from '@vgg/core';
import { type ResolvedVggOptions, resolveOptions, type VggOptions } from '@vgg/models';
import { type Preprocessing, plainPreprocessing, preprocessingFault } from './preprocessing';

/** Information needed to use a net, in addition to its options and weights. */
export interface ModelDescription {
  /** Class names in the order of the net's outputs. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}

/** Keys in the metadata of a file. */
const OPTIONS = 'vgg.options';
const CLASSES = 'vgg.classes';
const PREPROCESSING = 'vgg.preprocessing';

/** Returns the first error in a description, or undefined. The description may come from a file. */
function fault(options: ResolvedVggOptions, { classes, preprocessing }: ModelDescription): string | undefined {
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string')) {
    return 'expected the classes as a list of names';
  }
  // A net without a head has no outputs to name.
  if (classes.length !== options.classes && !(options.head === 'none' && classes.length === 0)) {
    return `expected as many class names as the net has classes, ${options.classes}, got ${classes.length}`;
  }
  return preprocessingFault(preprocessing, options.channels);
}

/**
 * Returns the description of a net as the metadata of a file. Checkpoints of a training run have the same metadata.
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

function parseValue(metadata: Readonly<Record<string, string>>, key: string, source: string): unknown {
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

function parseOptions(options: unknown, source: string): ResolvedVggOptions {
  try {
    return resolveOptions(options as VggOptions);
  } catch (cause) {
    const reason = cause instanceof VggError ? cause.message : String(cause);
    throw new VggError('weights', `${source} does not describe its net: ${reason}`, { cause });
  }
}

/**
 * Returns the net's options in a file's metadata, or undefined if it has none.
 * @throws VggError `VGG_WEIGHTS` when they are not valid.
 */
export function describedOptions(
  metadata: Readonly<Record<string, string>>,
  source: string,
): ResolvedVggOptions | undefined {
  if (metadata[OPTIONS] === undefined) return undefined;
  return parseOptions(parseValue(metadata, OPTIONS, source), source);
}

/**
 * Reads the description in a file's metadata.
 * @returns the description, and all other metadata as `rest`.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is missing or not valid.
 */
export function parseDescription(
  metadata: Readonly<Record<string, string>>,
  source: string,
): ModelDescription & { options: ResolvedVggOptions; rest: Record<string, string> } {
  const options = parseValue(metadata, OPTIONS, source);
  const classes = parseValue(metadata, CLASSES, source);
  const preprocessing = parseValue(metadata, PREPROCESSING, source);
  const resolved = parseOptions(options, source);
  const description = { classes, preprocessing } as ModelDescription;
  const wrong = fault(resolved, description);
  if (wrong !== undefined) throw new VggError('weights', `${source} does not describe its net: ${wrong}`);
  const { [OPTIONS]: _options, [CLASSES]: _classes, [PREPROCESSING]: _preprocessing, ...rest } = metadata;
  return { ...description, options: resolved, rest };
}

/**
 * Returns the class order and preprocessing in a file's metadata, whatever naming its tensors have; undefined if it has
 * neither. A net whose filters are adapted to other channels than the file's has no preprocessing.
 * @throws VggError `VGG_WEIGHTS` when either is not valid, or the number of class names is not that of the net.
 */
export function describedUse(
  metadata: Readonly<Record<string, string>>,
  options: ResolvedVggOptions,
  source: string,
): (Pick<ModelDescription, 'classes'> & { readonly preprocessing: Preprocessing | undefined }) | undefined {
  if (metadata[CLASSES] === undefined && metadata[PREPROCESSING] === undefined) return undefined;
  const { channels = 3 } = describedOptions(metadata, source) ?? options;
  const description: Record<string, string> = { ...metadata, [OPTIONS]: JSON.stringify({ ...options, channels }) };
  // Without its head a net has no classes, even if the file names them.
  if (options.head === 'none') description[CLASSES] = '[]';
  const { classes, preprocessing } = parseDescription(description, source);
  const isAdapted = channels !== (options.channels ?? 3);
  return { classes, preprocessing: isAdapted ? undefined : preprocessing };
}
