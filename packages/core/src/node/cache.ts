/** Where this software keeps what can be fetched or computed again, after the XDG base directory specification. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** `XDG_CACHE_HOME/vgg`, or `~/.cache/vgg` where that is unset or not absolute; `parts` are joined to it. */
export function cacheFolder(...parts: readonly string[]): string {
  const configured = process.env.XDG_CACHE_HOME ?? '';
  return join(isAbsolute(configured) ? configured : join(homedir(), '.cache'), 'vgg', ...parts);
}
