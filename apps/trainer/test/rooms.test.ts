/** The rooms of the trainer: the folders of `src`, from the top down. Imports only point down. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SOURCE = fileURLToPath(new URL('../src', import.meta.url));

const ROOMS = ['cli', 'program', 'commands', 'paper', 'report', 'evaluate', 'run', 'images', 'nets', 'job', 'terminal'];

/** Returns the room of a path below `src`: its first folder, or its own name. */
const roomOf = (path: string) => path.split(/[\\/]/)[0]!.replace(/\.ts$/, '');

const files = (readdirSync(SOURCE, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'));

/** Imports of one room by another, as `run/train.ts -> report`. */
function importsUp(file: string, source: string): string[] {
  return [...source.matchAll(/(?:import|export)\s[^;]*?from '(\.\.?\/[^']*)'|import\('(\.\.?\/[^']*)'\)/g)]
    .map(([, first, second]) => relative(SOURCE, join(SOURCE, dirname(file), (first ?? second)!)))
    .filter((path) => !path.startsWith('..'))
    .map(roomOf)
    .filter((room) => ROOMS.indexOf(room) < ROOMS.indexOf(roomOf(file)))
    .map((room) => `${file} -> ${room}`);
}

it('knows every room of the trainer', () => {
  expect([...new Set(files.map(roomOf))].sort()).toEqual([...ROOMS].sort());
});

it('imports only rooms below its own', () => {
  expect(files.flatMap((file) => importsUp(file, readFileSync(join(SOURCE, file), 'utf8')))).toEqual([]);
});

it('finds a planted import of a room above', () => {
  expect(importsUp('run/train.ts', "import { a } from '../report/run-report';")).toEqual(['run/train.ts -> report']);
  expect(importsUp('run/train.ts', "import type { A } from '../images/data-set';")).toEqual([]);
});
