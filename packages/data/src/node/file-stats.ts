/** The state of files, in place of an error of `statSync`, which throws for loops of links and folders without permission. */
import { type Stats, statSync } from 'node:fs';
import { fsPath } from './byte-names';

/** Returns the state of a file, or of the target of a link; undefined if it cannot be found. */
export function statsOf(path: string): Stats | undefined {
  try {
    const stats = statSync(fsPath(path));
    forgetPipe(stats);
    return stats;
  } catch {
    return undefined;
  }
}

/**
 * Looks at a folder after a pipe or a socket. While Node's last `statSync` is one of a pipe, its loader of modules follows no links
 * (`fs.realpathSync` reads the kind of file from memory that all these calls share), and then finds no dependencies.
 */
export function forgetPipe(stats: Stats): void {
  if (stats.isFIFO() || stats.isSocket()) statSync('/', { throwIfNoEntry: false });
}
