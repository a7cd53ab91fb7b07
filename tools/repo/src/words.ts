/** Words and openings that the house language avoids, and what to write in their place. */
import { lineAt, type TextFile } from './files';

interface Rule {
  /** Source of a regular expression. A space stands for any white space, a line break within a comment too. */
  readonly pattern: string;
  readonly instead: string;
}

/** Words and phrases avoided everywhere: prose, comments, messages. */
export const PHRASES: readonly Rule[] = [
  { pattern: String.raw`(?<!there )is no(?![ ](?:longer|more|less|fewer)\b|-)`, instead: 'is not a' },
  { pattern: String.raw`(?<!there )are no(?![ ](?:longer|more|less|fewer)\b|-)`, instead: 'are not' },
  { pattern: 'unless given', instead: 'Default x.' },
  { pattern: 'go(?:es)? on|went on|going on', instead: 'continue' },
  { pattern: 'for want of', instead: 'because there is no' },
  { pattern: 'give[sn]? back|gave back', instead: 'return' },
  { pattern: 'of no account', instead: 'not used' },
  { pattern: 'at home', instead: 'the place itself: stored, defined' },
  { pattern: 'by and by', instead: 'gradually' },
  { pattern: 'as yet', instead: 'yet, so far' },
  { pattern: 'none but', instead: 'only' },
  { pattern: 'all that is', instead: 'everything, all other' },
  { pattern: 'straight (?:behind|after)', instead: 'directly after' },
  { pattern: 'early stops?', instead: 'early stopping' },
  { pattern: 'living net', instead: 'a net that is not disposed' },
];

/** Single words avoided everywhere, as parts of identifiers too. */
export const WORDS: readonly Rule[] = [
  { pattern: 'tell(?:s|ing)?|told', instead: 'show, say, describe; a noun as a name' },
  { pattern: 'besides?', instead: 'next to, in addition to, compared with' },
  { pattern: 'anew', instead: 'again' },
  { pattern: 'whoever', instead: 'the caller, any code that' },
  { pattern: 'pictures?', instead: 'image' },
  {
    pattern: 'hence|whence|thence|hitherto|thereof|wherein|lest|nought',
    instead: 'so, from where, until now, of it, unless',
  },
  { pattern: 'mend(?:s|ed|ing)?', instead: 'fix, repair' },
  { pattern: 'freshen(?:s|ed)?', instead: 'refresh' },
  { pattern: 'dear', instead: 'expensive, slow' },
  { pattern: 'nobody', instead: 'no code, no process, not' },
];

const OPENING = 'What|Whether|How|Where|Of|Who|Which|When|If|That|As|By|For|From|In|On|To|With|Without';
/** First words of a docstring. It starts with a verb (a function) or a noun (a value). */
const OPENINGS = new RegExp(String.raw`(?:/\*\*|(?<!/)///(?!/)|"""r?)[\s*]*(${OPENING})\b`, 'g');
const HEADINGS = /^#+ *(Looking|Beside its peers|Not there yet) *$/gm;

const GAP = String.raw`\s+(?:(?:\*|//+|#)\s+)?`;
const whole = (pattern: string) => new RegExp(String.raw`\b(?:${pattern.replaceAll(' ', GAP)})\b`, 'gi');
const PHRASE_RULES = PHRASES.map(({ pattern, instead }) => ({ pattern: whole(pattern), instead }));
const WORD_RULES = WORDS.map(({ pattern, instead }) => ({ pattern: whole(pattern), instead }));

/** Splits identifiers into words, without a change to the length: `aPicture`, `A_PICTURE` and `a-picture` hold `picture`. */
function identifierWords(text: string): string {
  return text
    .replaceAll('_', ' ')
    .replace(/([a-z0-9])([A-Z])(?=[a-z])/g, (_, before: string, after: string) => `${before}\u2028${after}`);
}

interface Finding {
  readonly line: number;
  readonly words: string;
  readonly instead: string;
}

function find(text: string, pattern: RegExp, instead: string, original = text): Finding[] {
  return [...text.matchAll(pattern)].map((match) => {
    const start = match.index;
    return { line: lineAt(original, start), words: match.at(1) ?? match[0].replace(/\s+/g, ' '), instead };
  });
}

/** Returns every avoided word of a text with its line and what to write instead. */
export function avoidedWords(text: string): Finding[] {
  const split = identifierWords(text);
  return [
    ...PHRASE_RULES.flatMap(({ pattern, instead }) => find(text, pattern, instead)),
    ...WORD_RULES.flatMap(({ pattern, instead }) => find(split, pattern, instead)),
    ...find(text, OPENINGS, 'a docstring starts with a verb (a function) or a noun (a value)'),
    ...find(text, HEADINGS, 'Reports, Compared with other projects, Limitations'),
  ].sort((a, b) => a.line - b.line);
}

/** Returns one line for each avoided word of a file: where it is and what to write instead. */
export function describeAvoidedWords({ path, text }: TextFile): string[] {
  return avoidedWords(text).map(({ line, words, instead }) => `${path}:${line}: "${words}" -> ${instead}`);
}

/** Program and prose that people read. Records of past decisions and of experiments keep their words. */
const READ = /\.(?:[cm]?[jt]s|md|cc|h|py|sh|ya?ml|html|css)$|(?:^|\/)package\.json$/;
const LEFT_OUT = [
  /^pnpm-lock\.yaml$/,
  /(?:^|\/)fixtures\/(?!\w+\.py$)/,
  /(?:^|\/)CHANGELOG\.md$/,
  /^docs\/decisions\/0/,
  /^docs\/experiments\//,
  // The list itself and its tests.
  /^tools\/repo\/src\/words\.ts$/,
  /^tools\/repo\/test\/language\.test\.ts$/,
];

/** True if the house language holds for a file. */
export function isRead(path: string): boolean {
  return READ.test(path) && !LEFT_OUT.some((pattern) => pattern.test(path));
}
