/** Patterns of paths, as a shell expands them: for shells that leave this to the program, and for quoted patterns. */
import { existsSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fsPath, nameOf } from './byte-names';
import { statsOf } from './file-stats';
import { isSystemName } from './sources/files';

const SPECIAL = /[*?[{]/;

/** Returns true if the text has a character that patterns use: `*`, `?`, `[` or `{`. */
export function isPattern(text: string): boolean {
  return SPECIAL.test(text);
}

/** Returns the patterns that a pattern with lists such as `{a,b}` stands for. Lists may contain lists. */
function withoutLists(pattern: string): string[] {
  const list = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(pattern);
  if (list === null) return [pattern];
  const [, before, parts, after] = list;
  return [...new Set(parts!.split(',').flatMap((part) => withoutLists(`${before}${part}${after}`)))];
}

const escaped = (text: string) => text.replace(/[\\^$.|+()[\]{}*?]/g, '\\$&');

/** Returns the expression of one name in a pattern: `*` any characters, `?` one, `[a-z]` and `[!a-z]` one of a set. */
function nameExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*+|\?|\[(!|\^)?([^\]]+)\]|[^*?[]+|\[/g, (part, not?: string, set?: string) => {
    if (part.startsWith('*')) return '.*';
    if (part === '?') return '.';
    if (set !== undefined) return `[${not === undefined ? '' : '^'}${set.replace(/[\\[\]^]/g, '\\$&')}]`;
    return escaped(part);
  });
  return new RegExp(`^${source}$`, 'su');
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(fsPath(folder === '' ? '.' : folder), 'buffer')
      .map(nameOf)
      .sort();
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  return statsOf(path)?.isDirectory() === true;
}

/** Returns the folders directly in a folder, without those of a system. Links are left out, so that `**` ends. */
function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(fsPath(folder === '' ? '.' : folder), { withFileTypes: true, encoding: 'buffer' });
    const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => nameOf(name));
    return names.filter((name) => !isSystemName(name));
  } catch {
    return [];
  }
}

function* matchesIn(folder: string, [first, ...rest]: readonly string[]): Generator<string, void> {
  if (first === undefined) return;
  const at = (name: string) => (folder === '' ? name : folder.endsWith(sep) ? folder + name : join(folder, name));
  if (first === '**') {
    yield* matchesIn(folder, rest.length === 0 ? ['*'] : rest);
    for (const name of foldersIn(folder).sort()) yield* matchesIn(at(name), [first, ...rest]);
    return;
  }
  const expression = isPattern(first) ? nameExpression(first) : undefined;
  const visible = first.startsWith('.') ? () => true : (name: string) => !name.startsWith('.');
  const names = expression
    ? namesIn(folder).filter((name) => visible(name) && expression.test(name))
    : existsSync(at(first))
      ? [first]
      : [];
  for (const name of names) {
    if (rest.length === 0) yield at(name);
    else if (isFolder(at(name))) yield* matchesIn(at(name), rest);
  }
}

/**
 * Returns the files and folders that match a pattern, in the order of their names. `**` stands for folders at any depth,
 * `{a,b}` for either. Names that begin with a dot match only patterns that begin with one.
 */
export function matchingPaths(pattern: string): string[] {
  const found = withoutLists(pattern).flatMap((one) => {
    const path = process.platform === 'win32' ? one.replaceAll('\\', '/') : one;
    const root = /^([A-Za-z]:)?\/+/.exec(path)?.[0] ?? '';
    const names = path.slice(root.length).split('/').filter(Boolean);
    return [...matchesIn(root === '' ? '' : root.replaceAll('/', sep), names)];
  });
  return [...new Set(found)];
}
