/**
 * The house language (CONTRIBUTING.md): no avoided word and no docstring that opens with a clause, in code, docs and help.
 * There are no exceptions.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, textFiles, trackedFiles } from '../src/files';
import { avoidedWords, describeAvoidedWords, isRead } from '../src/words';

const CLI = join(ROOT, 'apps/trainer/dist/cli.js');
const files = textFiles(trackedFiles().filter(isRead));

/** Folder that a file is reported under: a package, an application, or a folder of the root. */
function areaOf(path: string): string {
  const [first, second] = path.split('/');
  if (second === undefined) return 'the root';
  return ['packages', 'apps', 'tools'].includes(first!) ? `${first}/${second}` : first!;
}

const areas = [...new Set(files.map(({ path }) => areaOf(path)))].sort();

describe.skipIf(files.length === 0)('plain English', () => {
  it.each(areas)('is written in %s', (area) => {
    const found = files.filter(({ path }) => areaOf(path) === area).flatMap(describeAvoidedWords);
    expect(found, `${found.length} words to replace in ${area}`).toEqual([]);
  });
});

/** Runs the command line with `--help`. */
function help(...words: string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [CLI, ...words, '--help'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** Names of the commands that a help text lists. */
function commandsOf(text: string): string[] {
  const [, list = ''] = /^Commands:\n((?: .*\n?)*)/m.exec(text) ?? [];
  return [...list.matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name]) => name!).filter((name) => name !== 'help');
}

describe('the help of the trainer', () => {
  const commands = commandsOf(help());

  it('lists its commands', () => {
    expect(commands).toEqual(expect.arrayContaining(['train', 'evaluate', 'predict']));
  });

  it.each([[], ...commands.map((name) => [name])])('is plain English: %s', (...words) => {
    const found = describeAvoidedWords({ path: `${words.join(' ')} --help`, text: help(...words) });
    expect(found).toEqual([]);
  });
});

describe('the check itself', () => {
  it.each([
    ['This is no net.', 'is no'],
    ['/**\n * A net that is\n * no classifier. */', 'is * no'],
    ['Those are no files.', 'are no'],
    ['const { told } = settings;', 'told'],
    ['function makePictures() {}', 'Pictures'],
    ['constexpr int FEWEST_PICTURES = 4;', 'PICTURES'],
    ['It waits beside the file.', 'beside'],
    ['A cache that nobody refreshed.', 'nobody'],
    ['Then it goes\n// on.', 'goes // on'],
    ['/** Whether it is there. */', 'Whether'],
    ['/**\n * What it makes.\n */', 'What'],
    ['/// How many threads there are.', 'How'],
    ['"""Where it lies."""', 'Where'],
    ['## Not there yet', 'Not there yet'],
    ['with an early stop after five', 'early stop'],
  ])('finds a planted word in %j', (text, words) => {
    expect(avoidedWords(text).map((found) => found.words)).toEqual([words]);
  });

  it('names file, line and replacement', () => {
    expect(describeAvoidedWords({ path: 'a.ts', text: '\n// once more anew\n' })).toEqual(['a.ts:2: "anew" -> again']);
  });

  it.each([
    'There is no net here, it is no longer needed, and is not a file.',
    'amended, intelligent, foretells, endear, asides',
    'earlyStop: 5',
    '/** Returns what it makes. */',
    '// What follows is a comment, not a docstring.',
    'import type { Pict } from "./pict";',
  ])('passes %j', (text) => {
    expect(avoidedWords(text)).toEqual([]);
  });
});
