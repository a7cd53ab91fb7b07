/** Options of the command line. */
import { parseArgs } from 'node:util';
import { didYouMean, requireInteger, VggError } from '@vgg/core';

/** Longest time of a timer in milliseconds. Node.js makes 1 ms of a longer one. */
const LONGEST = 2_147_483_647;
const ANY = Number.MAX_SAFE_INTEGER;

/** Numbers of the command line: default, smallest and largest value, and the help. */
const NUMBERS = {
  port: [8080, 0, 65_535, 'port; 0 takes a free one'],
  batch: [8, 1, ANY, 'largest number of images in one forward pass'],
  wait: [4, 0, LONGEST, 'time that the first image of a batch waits for others, in milliseconds'],
  queue: [64, 1, ANY, 'largest number of requests at once; further ones are answered 503'],
  'max-bytes': [10_000_000, 1, ANY, 'largest number of bytes of an image; larger ones are answered 413'],
  'max-pixels': [50_000_000, 1, ANY, 'largest number of pixels of an image; larger ones are answered 400'],
  timeout: [30_000, 1, LONGEST, 'time to receive a request, and again to answer it, in milliseconds'],
} as const;

/** Texts of the command line. */
const TEXTS = {
  weights: 'file of the net in any format that loadNet reads, or the name of a published net: vgg16',
  host: 'address to listen on; default 127.0.0.1, 0.0.0.0 is the whole network',
  engine: 'engine of @vgg/engine; default auto, the fastest that works',
} as const;

type NumberName = keyof typeof NUMBERS;

/** Values of the command line. */
export type ServerOptions = Readonly<Record<NumberName, number>> & {
  readonly weights: string;
  readonly host: string;
  readonly engine: string;
};

/** Returns the help. */
export function helpText(): string {
  const rows = [
    ...Object.entries(TEXTS),
    ...Object.entries(NUMBERS).map(([name, [value, , , help]]) => [name, `${help}; default ${value}`] as const),
    ['help', 'shows this text'] as const,
  ];
  const lines = rows.map(([name, help]) => `  ${`--${name}`.padEnd(14)}${help}`);
  return [
    'Usage: pnpm --filter server start --weights FILE [options]',
    '',
    'Classifies images over HTTP.',
    '',
    ...lines,
  ].join('\n');
}

/**
 * Reads the command line; undefined if it asks for help.
 * @throws VggError `VGG_ARGUMENT` for an unknown option or a value out of range.
 */
export function readOptions(words: readonly string[]): ServerOptions | undefined {
  const names = [...Object.keys(TEXTS), ...Object.keys(NUMBERS)];
  const text = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const options = { ...text, help: { type: 'boolean' as const, short: 'h' } };
  const { tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true });
  const values = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new VggError('argument', `unexpected word "${token.value}": see --help`);
    if (token.name === 'help' || token.name === 'h') return undefined;
    if (!names.includes(token.name)) {
      throw new VggError('argument', `unknown option ${token.rawName}${didYouMean(token.name, names)}: see --help`);
    }
    if (!token.value) throw new VggError('argument', `expected a value after ${token.rawName}: see --help`);
    values.set(token.name, token.value);
  }
  const weights = values.get('weights');
  if (weights === undefined) throw new VggError('argument', 'expected --weights with a file or a name: see --help');
  const numbers = Object.entries(NUMBERS).map(([name, [value, least, most]]) => {
    const number = Number(values.get(name) ?? value);
    requireInteger(`--${name}`, number, least);
    if (number > most) throw new VggError('argument', `expected --${name} to be at most ${most}, got ${number}`);
    return [name, number] as const;
  });
  return {
    ...(Object.fromEntries(numbers) as Record<NumberName, number>),
    weights,
    host: values.get('host') ?? '127.0.0.1',
    engine: values.get('engine') ?? 'auto',
  };
}
