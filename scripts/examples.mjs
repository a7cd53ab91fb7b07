/** Examples of the READMEs: every fenced block, in order. `check-packages.mjs` and tools/repo run them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './setup.mjs';

/** Returns the files with examples: those of the root, and the README of every package and application. */
export function readmes() {
  const grouped = ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(ROOT, group)).map((name) => `${group}/${name}/README.md`),
  );
  return ['README.md', 'CONTRIBUTING.md', ...grouped].filter((path) => existsSync(join(ROOT, path)));
}

/** Returns the fenced blocks of a file: language and text. */
export function blocksOf(path) {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, language, source]) => ({ language, source }));
}
