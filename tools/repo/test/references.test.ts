/** Every file, section and symbol that a doc or a comment names exists. */
import { describe, expect, it } from 'vitest';
import { textFiles, trackedFiles } from '../src/files';
import {
  anchorsOf,
  deadDocLinks,
  deadLinks,
  misplacedSymbols,
  missingFiles,
  missingSymbols,
  repositoryOf,
  splitComments,
} from '../src/references';

const paths = trackedFiles();
const files = textFiles(
  paths.filter((path) => /\.(?:[cm]?[jt]s|cc|h|py|sh|ya?ml|md)$/.test(path) && path !== 'pnpm-lock.yaml'),
);
const repository = repositoryOf(files, paths);
const texts = new Map(files.map(({ path, text }) => [path, text]));

const own = /^tools\/repo\/(?:src|test)\//;
/** Prose of each file: a Markdown file as it stands, of code its comments. Records of the past name what was there then. */
const prose = files
  .filter(({ path }) => !own.test(path) && !/^docs\/(?:decisions\/0|experiments\/0)/.test(path))
  .map((file) => ({
    path: file.path,
    text: file.path.endsWith('.md') ? file.text : splitComments(file).comments,
  }));
const documents = files.filter(({ path }) => path.endsWith('.md'));

describe.skipIf(paths.length === 0)('docs and comments name only what exists:', () => {
  it('links between Markdown files and their headings', () => {
    expect(documents.flatMap((file) => deadLinks(file, (path) => texts.get(path)))).toEqual([]);
  });

  it('files', () => {
    expect(prose.flatMap(({ path, text }) => missingFiles(path, text, repository))).toEqual([]);
  });

  it('targets of {@link}', () => {
    expect(prose.flatMap(({ path, text }) => deadDocLinks(path, text, repository))).toEqual([]);
  });

  it('symbols in back quotes', () => {
    expect(prose.flatMap(({ path, text }) => missingSymbols(path, text, repository))).toEqual([]);
  });

  it('symbols where they are', () => {
    const textsOf = (end: string) => files.filter(({ path }) => `/${path}`.endsWith(`/${end}`)).map(({ text }) => text);
    expect(prose.flatMap(({ path, text }) => misplacedSymbols(path, text, textsOf))).toEqual([]);
  });

  it.each(['decisions', 'experiments'])('every record of docs/%s is in its index, by its title', (folder) => {
    const index = texts.get(`docs/${folder}/README.md`)!;
    const records = documents.filter(({ path }) => path.startsWith(`docs/${folder}/0`));
    const titles = records.map(({ path, text }) => [path.split('/').at(-1)!, /^# \d{4}:? (.*)$/m.exec(text)![1]!]);
    expect(titles.length).toBeGreaterThan(5);
    const missing = titles.filter(([file, title]) => !index.includes(`| [${file!.slice(0, 4)}](${file}) | ${title} |`));
    expect(missing).toEqual([]);
  });
});

describe('the check itself', () => {
  const planted = repositoryOf([{ path: 'src/a.ts', text: 'export class Kept { field = 1 } // Gone' }], ['src/a.ts']);

  it('separates comments from code', () => {
    const file = { path: 'a.ts', text: "const url = 'https://x'; // note\n/** `doc` */ f();" };
    expect(splitComments(file).comments.trim()).toMatch(/^\/\/ note\n\/\*\* `doc` \*\/$/);
    expect(splitComments(file).code).toContain('https://x');
    expect(splitComments(file).code).not.toContain('note');
    expect(splitComments({ path: 'a.py', text: 'x = "#1"  # note' }).comments.trim()).toBe('# note');
  });

  it('finds a planted dead link and a dead anchor', () => {
    const text = '# Here it is\n[a](src/none.ts) [b](#here-it-is) [c](#not-here) [d](https://example.org)';
    const found = deadLinks({ path: 'README-planted.md', text }, (path) =>
      path === 'README-planted.md' ? text : undefined,
    );
    expect(found).toEqual(['README-planted.md:2: no file src/none.ts', 'README-planted.md:2: no heading #not-here']);
  });

  it('makes the anchors that GitHub makes', () => {
    expect([...anchorsOf('## A run is a folder\n### `train`, step\n')]).toEqual(['a-run-is-a-folder', 'train-step']);
  });

  it('finds a planted file and a planted record that do not exist', () => {
    const found = missingFiles('x.md', 'See `src/a.ts`, a.ts and b.ts;\ndocs/decisions/9999 and recipe.json.', planted);
    expect(found).toEqual(['x.md:1: no file b.ts', 'x.md:2: no file docs/decisions/9999']);
  });

  it('finds a planted {@link} to nothing', () => {
    const found = deadDocLinks('x.ts', '/** {@link Kept.field}, {@link Gone}, {@link https://x} */', planted);
    expect(found).toEqual(['x.ts:1: no symbol Gone']);
  });

  it('finds a planted symbol that is in no code', () => {
    const found = missingSymbols('x.md', '`Kept`, `keptBack`, `makeGone()`, `plain`, `--an-option`', planted);
    expect(found).toEqual(['x.md:1: no symbol keptBack', 'x.md:1: no symbol makeGone']);
  });

  it('finds a planted symbol in the wrong file or package', () => {
    const textsOf = (end: string) => (/device|index/.test(end) ? ['class Device { submit() {} }'] : []);
    const text =
      '`Device.submit` of src/device.ts, `Queue.submit` of `src/device.ts`, `gone` of `@vgg/core`, one of c.ts';
    expect(misplacedSymbols('x.md', text, textsOf)).toEqual([
      'x.md:1: no Queue.submit in src/device.ts',
      'x.md:1: no gone in @vgg/core',
    ]);
  });
});
