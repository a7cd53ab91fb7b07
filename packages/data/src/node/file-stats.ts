/** The state of files, in place of an error of `statSync`, which throws for loops of links and folders without permission. */
import { type Stats, statSync } from 'node:fs';
import { fsPath } from './byte-names';

/** Returns the state of a file, or of the target of a link; undefined if it cannot be found. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(fsPath(path));
  } catch {
    return undefined;
  }
}
