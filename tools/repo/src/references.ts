/** Files, sections and symbols that docs and comments name, and whether they exist. */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { lineAt, ROOT, type TextFile } from './files';

/** Files and words of all code, for a look-up. */
export interface Repository {
  readonly paths: ReadonlySet<string>;
  /** Ends of paths: `train.ts` and `run/train.ts` of `src/run/train.ts`. */
  readonly ends: ReadonlySet<string>;
  /** Every word of code outside comments. */
  readonly words: ReadonlySet<string>;
}

const CODE = /\.(?:[cm]?[jt]s|cc|h|py)$/;
/** Languages whose comments start with `#`. */
const HASH = /\.(?:py|sh|ya?ml)$/;

/** Splits a file of code into its comments and the rest, each of the length of the file. */
export function splitComments({ path, text }: TextFile): { comments: string; code: string } {
  const pattern = HASH.test(path)
    ? /"""[\s\S]*?"""|(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|#[^\n]*/g
    : /\/\*[\s\S]*?\*\/|`(?:\\[\s\S]|[^`\\])*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?<!:)\/\/[^\n]*/g;
  const blank = (part: string) => part.replace(/[^\n]/g, ' ');
  let comments = '';
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (!/^(?:\/[/*]|#|""")/.test(match[0])) continue;
    comments += blank(text.slice(end, match.index)) + match[0];
    end = match.index + match[0].length;
  }
  comments += blank(text.slice(end));
  const code = Array.from(text, (character, i) => (comments[i] === character ? ' ' : character)).join('');
  return { comments, code };
}

/** Builds the look-up for the repository's files. */
export function repositoryOf(files: readonly TextFile[], paths: readonly string[]): Repository {
  const words = new Set<string>();
  for (const file of files.filter(({ path }) => CODE.test(path))) {
    for (const [word] of splitComments(file).code.matchAll(/[A-Za-z_$][\w$]*/g)) words.add(word);
  }
  const ends = new Set(
    paths.flatMap((path) => {
      const parts = path.split('/');
      return parts.map((_, i) => parts.slice(i).join('/'));
    }),
  );
  return { paths: new Set(paths), ends, words };
}

/** Returns the anchors of a Markdown text, as GitHub makes them of its headings. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ +(.+?) *$/gm);
  return new Set(
    Array.from(headings, ([, heading]) =>
      heading!
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Returns the Markdown links between files, and their anchors, that lead nowhere. */
export function deadLinks({ path, text }: TextFile, textOf: (path: string) => string | undefined): string[] {
  const dead: string[] = [];
  for (const match of text
    .replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ' '))
    .matchAll(/\]\(([^)\s]+)\)/g)) {
    const target = match[1]!;
    if (/^[a-z]+:/.test(target)) continue;
    const [file, anchor] = target.split('#') as [string, string?];
    const found = file === '' ? path : normalize(join(dirname(path), file));
    const where = `${path}:${lineAt(text, match.index)}`;
    if (!existsSync(join(ROOT, found)) && textOf(found) === undefined) dead.push(`${where}: no file ${found}`);
    else if (anchor !== undefined && !anchorsOf(textOf(found) ?? '').has(anchor))
      dead.push(`${where}: no heading ${target}`);
  }
  return dead;
}

/** Files of other projects, files that a program writes, and names that stand for any file. */
export const OTHER_FILES: ReadonlySet<string> = new Set([
  // Written by the trainer.
  'recipe.yaml',
  'paper.md',
  // Of Keras and torchvision.
  'applications/vgg16.py',
  'vgg19.py',
  'models/vgg.py',
  'saving/saving_lib.py',
  'legacy/saving/legacy_h5_format.py',
  // Of the TF.js converter.
  'quantization.py',
]);
const FILE = /(?<![\w/.@:$}*<-])(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:[cm]?ts|mjs|cjs|cc|h|py|sh|md|yaml)\b(?![\w/(*-]|\.\w)/g;
const RECORD = /\bdocs\/(?:decisions|experiments)\/\d{4}\b/g;

/** Returns the files named in a prose or in comments that do not exist, with their lines. */
export function missingFiles(path: string, prose: string, { ends, paths }: Repository): string[] {
  const missing = (name: string) => {
    const plain = name.replace(/^(?:\.\.?\/)+/, '');
    return !plain.startsWith('dist/') && !ends.has(plain) && !OTHER_FILES.has(plain) && !existsSync(join(ROOT, plain));
  };
  const files = [...prose.matchAll(FILE)].filter(([name]) => missing(name));
  const records = [...prose.matchAll(RECORD)].filter(([start]) => ![...paths].some((known) => known.startsWith(start)));
  return [...files, ...records].map((match) => `${path}:${lineAt(prose, match.index)}: no file ${match[0]}`);
}

/** Returns the targets of `{@link}` in a file's comments that no code of the repository knows. */
export function deadDocLinks(path: string, comments: string, { words }: Repository): string[] {
  return [...comments.matchAll(/\{@link(?:code|plain)?[\s*]+([^}\s|*]+)/g)]
    .filter(
      ([, target]) =>
        !/^https?:/.test(target!) && target!.split(/[.#~]/).some((part) => part !== '' && !words.has(part)),
    )
    .map((match) => `${path}:${lineAt(comments, match.index)}: no symbol ${match[1]}`);
}

/** Names of other projects' code and data, by the project. Every other name in back quotes is one of this repository's code. */
export const OTHER_SYMBOLS: Readonly<Record<string, readonly string[]>> = {
  TypeScript: ['noUncheckedIndexedAccess'],
  oneDNN: ['ArmNeoverse', 'ONEDNN_MAX_CPU_ISA'],
  libuv: ['UV_THREADPOOL_SIZE'],
  Windows: ['VirtualAlloc'],
  'a numbered name': ['poolN'],
};
const others = () => new Set(Object.values(OTHER_SYMBOLS).flat());
/** `camelCase`, `PascalCase` of two words and more, `CAPITALS` of three letters and more, or any name that is called. */
const SYMBOL =
  /`(?:new )?((?:[A-Za-z_$][\w$]*\.)*(?:[a-z]+[a-z0-9]*[A-Z][\w$]*|[A-Z][a-z]+[A-Z][\w$]*|[A-Z][A-Z0-9_]{2,}|[A-Za-z_$][\w$]*(?=\()))(?:\(\S*\))?`/g;

/** Returns the names in back quotes that look like symbols and are words of no code. */
export function missingSymbols(path: string, prose: string, { words }: Repository): string[] {
  const known = others();
  return [...prose.matchAll(SYMBOL)]
    .filter(([, name]) => !known.has(name!) && name!.split('.').some((part) => !words.has(part) && !known.has(part)))
    .map((match) => `${path}:${lineAt(prose, match.index)}: no symbol ${match[1]}`);
}

/** `name` of `src/file.ts`, or name of @vgg/package: back quotes are optional for the first form only. */
const OF_FILE =
  /`?([A-Za-z_]\w*(?:\.\w+)*)(?:\(\S*\))?`?\s+(?:\*\s+)?of\s+(?:\*\s+)?`?((?:[\w-]+\/)*[\w-]+\.(?:[cm]?ts|mjs|cc|h|py))\b/g;
const OF_PACKAGE = /`([A-Za-z_]\w*)(?:\.\w+)*(?:\(\S*\))?`\s+(?:\*\s+)?of\s+(?:\*\s+)?`(@vgg\/[\w-]+(?:\/node)?)`/g;

/** Returns the symbols that a prose places in a file or a package which does not have them. `textsOf` reads by the end of a path. */
export function misplacedSymbols(path: string, prose: string, textsOf: (end: string) => readonly string[]): string[] {
  const has = (end: string, name: string) => {
    const texts = textsOf(end);
    return texts.length === 0 || texts.some((text) => new RegExp(`\\b${name}\\b`).test(text));
  };
  const placed = [...prose.matchAll(OF_FILE)].filter(([, name, file]) => {
    const isSymbol = /[a-z][A-Z]|_|\./.test(name!) || prose.includes(`\`${name}`);
    return isSymbol && name!.split('.').some((part) => !has(file!, part));
  });
  const exported = [...prose.matchAll(OF_PACKAGE)].filter(([, name, specifier]) => {
    const [, folder, entry = 'index'] = /^@vgg\/([\w-]+)(?:\/(node))?$/.exec(specifier!)!;
    return !has(`packages/${folder}/src/${entry}.ts`, name!);
  });
  return [...placed, ...exported].map(
    (match) => `${path}:${lineAt(prose, match.index)}: no ${match[1]} in ${match[2]}`,
  );
}
