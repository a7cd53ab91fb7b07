/** Manifests and imports of the workspace's packages and applications. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files';

export interface Manifest {
  name: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export interface Package {
  folder: string;
  manifest: Manifest;
}

/** Reads the manifest of every package and application. */
export function workspacePackages(): Package[] {
  return ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(ROOT, group))
      .map((name) => join(ROOT, group, name))
      .filter((folder) => existsSync(join(folder, 'package.json')))
      .map((folder) => ({
        folder,
        manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
      })),
  );
}

const GENERATED = new Set(['node_modules', 'dist', 'build', 'runs', '.turbo', '.packed']);

/** Returns the files of code in a folder and its folders, without what is installed or built. */
export function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return GENERATED.has(entry.name) ? [] : sourceFiles(path);
    return /\.[cm]?[jt]sx?$/.test(entry.name) ? [path] : [];
  });
}

/** After `from`, `import` or `require` at the places where code has them, a quoted name that could be a package's. */
const SPECIFIER = /(?:^|[\s;}*])(?:from|import|import\s*\(|require\s*\()\s*['"]([\w@./:-]+)['"]/gm;

/** Returns the bare package names that a source text imports: statically, dynamically, for types or for side effects. */
export function importedPackages(source: string): string[] {
  return [...source.matchAll(SPECIFIER)]
    .map(([, specifier]) => specifier!)
    .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .map((specifier) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}

/** Returns the names of `dependencies` that no text names in quotes, as a package or as the start of a path in it. */
export function unnamed(dependencies: readonly string[], texts: readonly string[]): string[] {
  const escaped = (name: string) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return dependencies.filter((name) => {
    const quoted = new RegExp(`['"\`]${escaped(name)}['"\`/]`);
    return !texts.some((text) => quoted.test(text));
  });
}
