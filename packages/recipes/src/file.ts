/**
 * Recipe files: one YAML file for each experiment, whose head states command, hardware, time and expected error. Its keys are
 * the settings of `train`; options of the command line override them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { didYouMean, VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { cropText } from '@vgg/data';
import * as v from 'valibot';
import { isAlias, isMap, isScalar, parseDocument, stringify, visit } from 'yaml';
import { PACKAGE_FOLDER } from './package-folder';
import { SETTING_NAMES, type Settings, settingOf } from './settings';

/** Settings that a recipe file gives. */
export type RecipeFile = Partial<Settings>;

const SCHEMA = v.strictObject(
  Object.fromEntries(SETTING_NAMES.map((name) => [name, v.optional(settingOf(name).kind.schema)])),
) as unknown as v.GenericSchema<unknown, RecipeFile>;

/** Folder of the recipes that come with the package. */
const FOLDER = fileURLToPath(new URL('recipes/', PACKAGE_FOLDER));
const ENDING = '.yaml';

/** Largest size of a recipe file, in characters. */
const MAXIMUM_BYTES = 64 * 1024;

/** Returns the names of the recipes that come with the package. */
export function recipeNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => basename(file, ENDING))
    .sort();
}

/** Returns the file of a recipe given by its name or its path. */
export function recipePath(nameOrPath: string): string {
  if (/[\\/]|\.ya?ml$/.test(nameOrPath)) return resolve(nameOrPath);
  const names = recipeNames();
  if (names.includes(nameOrPath)) return join(FOLDER, `${nameOrPath}${ENDING}`);
  throw new VggError(
    'argument',
    `unknown recipe ${nameOrPath}${didYouMean(nameOrPath, names)}: expected a file's path, or one of ${names.join(', ')}`,
  );
}

/**
 * Reads a recipe: one that comes with the package by its name, any other by its path.
 * @throws VggError `VGG_ARGUMENT` naming file, line and key: for a file that is not a YAML map, an unknown key (the nearest is
 *   suggested), a value of the wrong kind or out of range.
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

/** Parses the text of a recipe file; `path` names it in errors. Throws as {@link readRecipe}. */
export function parseRecipe(source: string, path: string): RecipeFile {
  const document = parseDocument(source, { prettyErrors: false });
  const lineOf = (offset = 0) => source.slice(0, offset).split('\n').length;
  const fail = (offset: number | undefined, reason: string) =>
    new VggError('argument', `${path}:${lineOf(offset)}: ${reason}`);
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw fail(problem.pos[0], `not valid YAML: ${problem.message.split('\n', 1)[0]}`);
  if (!isMap(document.contents)) throw fail(0, 'expected lines of "key: value"');
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node) || node.anchor !== undefined)
        throw fail(node.range?.[0], 'anchors and aliases are not allowed in a recipe');
    },
  });
  const places = new Map<unknown, number | undefined>(
    document.contents.items.map(({ key }) => (isScalar(key) ? [key.value, key.range?.[0]] : [key, undefined])),
  );
  for (const [key, place] of places) {
    if (typeof key === 'string' && (SETTING_NAMES as readonly string[]).includes(key)) continue;
    throw fail(place, `unknown key "${key}"${didYouMean(String(key), SETTING_NAMES)}`);
  }
  const result = v.safeParse(SCHEMA, document.toJS());
  if (result.success) return result.output;
  const [{ message, path: where, input }] = result.issues;
  const key = String(where?.[0]?.key);
  throw fail(places.get(key), `${key}: ${message} Got ${JSON.stringify(input)}.`);
}

/** Returns the text of a recipe file with these settings. */
export function formatRecipe(recipe: RecipeFile): string {
  const { input, scale } = recipe;
  const asText: RecipeFile | Record<string, unknown> = {
    ...recipe,
    ...(typeof input === 'object' && { input: cropText(input) }),
    ...(typeof scale === 'object' && { scale: scale.join(':') }),
  };
  const written = new Map<string, unknown>(Object.entries(asText));
  const names = SETTING_NAMES.filter((key) => written.get(key) !== undefined);
  return stringify(Object.fromEntries(names.map((key) => [key, written.get(key)])));
}

/** Returns the name of the recipe that makes the run in folder `out`, if one that comes with the package does. */
export function recipeFor(out: string): string | undefined {
  return recipeNames().find((name) => {
    const recipe = readRecipe(name);
    return recipe.out !== undefined && resolve(recipe.out) === resolve(out);
  });
}
