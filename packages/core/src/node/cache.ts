/** Folder for files that can be downloaded or computed again, after the XDG base directory specification. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Returns `$XDG_CACHE_HOME/vgg` joined with `parts`; `~/.cache` takes the place of a variable that is unset or not
 * absolute.
 */
export function cacheFolder(...parts: readonly string[]): string {
  const configured = process.env.XDG_CACHE_HOME ?? '';
  return join(isAbsolute(configured) ? configured : join(homedir(), '.cache'), 'vgg', ...parts);
}
