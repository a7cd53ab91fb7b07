/** Nets by the text that a person gives in `--weights` or `--pre-init`: a run, a weight file or a published net. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { didYouMean, VggError } from '@vgg/core';
import { KNOWN_ALIASES, KNOWN_WEIGHTS, type KnownName, knownName } from '@vgg/weights';
import { MODEL, RECORD } from './run-files';

/** The net that a text names; paths are absolute. */
export type NetReference =
  | { readonly kind: 'run'; readonly folder: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'published'; readonly name: KnownName };

/** Weight files that a folder which is not a run may hold, in the order in which they are looked for. */
const FILES_IN_FOLDER = [MODEL, 'model.json'];

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Returns the net that a text names, or undefined if there is no such net. A path on the disk wins over a published name. */
export function findNet(text: string): NetReference | undefined {
  const path = resolve(text);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    const name = knownName(text);
    return name === undefined ? undefined : { kind: 'published', name };
  }
  if (!found.isDirectory()) return { kind: 'file', path };
  if (isFile(join(path, RECORD))) return { kind: 'run', folder: path };
  const file = FILES_IN_FOLDER.find((name) => isFile(join(path, name)));
  if (file !== undefined) return { kind: 'file', path: join(path, file) };
  throw new VggError(
    'argument',
    `${text} is a folder without weights: expected a run, ${FILES_IN_FOLDER.join(' or ')}`,
  );
}

/**
 * Returns the net that a text names.
 * @throws VggError `VGG_ARGUMENT` when there is no file, run or published net of this name; the nearest name is suggested.
 */
export function netReference(text: string): NetReference {
  const found = findNet(text);
  if (found !== undefined) return found;
  const names = Object.keys({ ...KNOWN_ALIASES, ...KNOWN_WEIGHTS });
  throw new VggError(
    'argument',
    `no file, run or published net "${text}"${didYouMean(text, names)}: published are ${names.join(', ')}`,
  );
}
