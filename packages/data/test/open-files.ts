/** Opens data sets of empty files, and says in few words what they are taken for. */
import { sep } from 'node:path';
import type { ImageSource } from '../src';
import { type Layout, openSource } from '../src/node';
import { folder } from './images';

/** Returns the keys of a source, with `/` between folders. */
export const keysOf = (source: ImageSource | undefined) =>
  Array.from({ length: source?.length ?? 0 }, (_, i) => source!.key(i).split(sep).join('/'));

/** Opens empty files as a data set, and returns the images of its parts and what is said about it. */
export async function open(paths: readonly string[], layout?: Layout, contents: Record<string, Uint8Array> = {}) {
  const files = Object.fromEntries(paths.map((path) => [path, '']));
  const { train, validation, test, classes, notes, unused } = await openSource(folder({ ...files, ...contents }), {
    layout,
  });
  return {
    classes: classes.join(' '),
    train: keysOf(train),
    validation: keysOf(validation),
    test: keysOf(test),
    notes: notes.join('; '),
    unused: Object.fromEntries(unused.map(({ kind, count }) => [kind, count])),
  };
}
