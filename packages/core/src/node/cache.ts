/** Folder for files that can be downloaded or computed again, after the XDG base directory specification. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Home of a user who has none, as in `/etc/passwd` of Debian. Nothing can be written there, which is not an error for a cache. */
const NO_HOME = '/nonexistent';

/** Returns the user's home; {@link NO_HOME} for a user without HOME and without an entry in the list of users. */
function home(): string {
  try {
    return homedir();
  } catch {
    return NO_HOME;
  }
}

/**
 * Returns `$XDG_CACHE_HOME/vgg` joined with `parts`; `~/.cache` takes the place of a variable that is unset or not
 * absolute.
 */
export function cacheFolder(...parts: readonly string[]): string {
  const configured = process.env.XDG_CACHE_HOME ?? '';
  return join(isAbsolute(configured) ? configured : join(home(), '.cache'), 'vgg', ...parts);
}
