/**
 * Recipe files: one YAML file for each experiment, whose head says command, hardware, time and expected error. Its keys are
 * the options of `train`, which override it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { didYouMean, VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { CONFIGURATION_NAMES } from '@vgg/models';
import * as v from 'valibot';
import { isAlias, isMap, isScalar, parseDocument, stringify, visit } from 'yaml';
import { PACKAGE_FOLDER } from '../package-folder';
import { anyText, integer, type Kind, nameList, oneOf, real, trainingScale, yesOrNo } from './kinds';
import type { RecipeArguments } from './recipe';

/** What a recipe file may say: what the run computes, and where it is kept. */
export type RecipeFile = Partial<RecipeArguments> & { out?: string };

type Values = Required<RecipeFile>;

/** Every key with its kind of value; the command line reads its options by the same kinds. */
export const KEYS: { readonly [K in keyof Values]: Kind<Values[K]> } = {
  data: anyText,
  valFraction: real(0, 0.9),
  config: oneOf(CONFIGURATION_NAMES),
  batchNorm: yesOrNo,
  width: real(0, 16, { open: true }),
  input: integer(32, 4096),
  head: oneOf(['auto', 'paper', 'small', 'linear']),
  dropout: real(0, 0.99),
  scale: trainingScale,
  flip: yesOrNo,
  colourShift: yesOrNo,
  batch: integer(1),
  microBatch: integer(1),
  trainImages: integer(1),
  epochs: integer(1, 100_000),
  validateEvery: integer(1),
  maxSteps: integer(1),
  rate: real(0, 100, { open: true }),
  finalRate: real(0, 100),
  schedule: oneOf(['plateau', 'cosine', 'constant']),
  patience: integer(1),
  warmUp: real(0, 1000),
  optimiser: oneOf(['sgd', 'muon']),
  momentum: real(0, 0.9999),
  weightDecay: real(0, 1),
  randomErasing: real(0, 1),
  labelSmoothing: real(0, 0.99),
  cutMix: real(0, 1),
  clipNorm: real(0, 1e9),
  averageDecay: real(0, 0.999999),
  earlyStop: integer(0),
  freeze: nameList,
  init: anyText,
  preInit: anyText,
  weights: anyText,
  seed: integer(0),
  out: anyText,
};

const SCHEMA = v.strictObject(
  Object.fromEntries(Object.entries(KEYS).map(([key, { schema }]) => [key, v.optional(schema)])),
) as unknown as v.GenericSchema<unknown, RecipeFile>;

/** The recipes that come with the trainer: beside `src/` and `dist/`. */
const FOLDER = fileURLToPath(new URL('recipes/', PACKAGE_FOLDER));
const ENDING = '.yaml';

/** A file larger than this is no recipe. */
const MAXIMUM_BYTES = 64 * 1024;

/** The names of the recipes that come with the trainer. */
export function recipeNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => basename(file, ENDING))
    .sort();
}

/** The file of a recipe's name, or the path itself where one was given. */
export function recipePath(nameOrPath: string): string {
  if (/[\\/]|\.ya?ml$/.test(nameOrPath)) return resolve(nameOrPath);
  const names = recipeNames();
  if (names.includes(nameOrPath)) return join(FOLDER, `${nameOrPath}${ENDING}`);
  throw new VggError(
    'argument',
    `no recipe is called ${nameOrPath}${didYouMean(nameOrPath, names)}: expected a file's path, or one of ${names.join(', ')}`,
  );
}

/**
 * Reads a recipe, one that comes with the trainer by its name or any by its path.
 * @throws VggError `VGG_ARGUMENT` naming file, line and key: for what is no YAML map, an unknown key (told the nearest), a
 *   value of the wrong kind or out of range.
 */
export function readRecipe(nameOrPath: string): RecipeFile {
  const path = recipePath(nameOrPath);
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new VggError('argument', `cannot read the recipe ${path}: ${systemReason(error)}`, { cause: error });
  }
  if (source.length > MAXIMUM_BYTES) {
    throw new VggError(
      'argument',
      `${path} has ${source.length} characters, more than any recipe: is it another file?`,
    );
  }
  return parseRecipe(source, path);
}

/** As {@link readRecipe}, of a file's text. */
export function parseRecipe(source: string, path: string): RecipeFile {
  const document = parseDocument(source, { prettyErrors: false });
  const lineOf = (offset = 0) => source.slice(0, offset).split('\n').length;
  const fail = (offset: number | undefined, reason: string) =>
    new VggError('argument', `${path}:${lineOf(offset)}: ${reason}`);
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw fail(problem.pos[0], `no valid YAML: ${problem.message.split('\n', 1)[0]}`);
  if (!isMap(document.contents)) throw fail(0, 'expected lines of "key: value"');
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node) || node.anchor !== undefined)
        throw fail(node.range?.[0], 'anchors and aliases have no place here');
    },
  });
  const places = new Map<unknown, number | undefined>(
    document.contents.items.map(({ key }) => (isScalar(key) ? [key.value, key.range?.[0]] : [key, undefined])),
  );
  for (const [key, place] of places) {
    if (typeof key === 'string' && Object.hasOwn(KEYS, key)) continue;
    throw fail(place, `unknown key "${key}"${didYouMean(String(key), Object.keys(KEYS))}`);
  }
  const result = v.safeParse(SCHEMA, document.toJS());
  if (result.success) return result.output;
  const [{ message, path: where, input }] = result.issues;
  const key = String(where?.[0]?.key);
  throw fail(places.get(key), `${key}: ${message} Got ${JSON.stringify(input)}.`);
}

/** The text of a recipe file that says exactly this. */
export function formatRecipe(recipe: RecipeFile): string {
  const entries = (Object.keys(KEYS) as (keyof RecipeFile)[])
    .filter((key) => recipe[key] !== undefined)
    .map((key) => [key, key === 'scale' && Array.isArray(recipe.scale) ? recipe.scale.join(':') : recipe[key]]);
  return stringify(Object.fromEntries(entries));
}

/** The trainer's recipe whose run is kept in this folder: what to run first where a recipe starts from it. */
export function recipeFor(out: string): string | undefined {
  return recipeNames().find((name) => {
    const recipe = readRecipe(name);
    return recipe.out !== undefined && resolve(recipe.out) === resolve(out);
  });
}
