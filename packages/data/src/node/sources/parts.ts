/** Recognises the parts of a data set (training, validation, test) by their usual names, in folders and in shards. */

/** A part of a data set. */
export type Part = 'train' | 'validation' | 'test';

export const PARTS: readonly Part[] = ['train', 'validation', 'test'];

/** Words for each part, the plainest first: of two folders for one part, the one with the plainer name is used. */
const WORDS: Readonly<Record<Part, readonly string[]>> = {
  train: ['train', 'training', 'trn', 'trainset', 'trainingset', 'traindata', 'trainval'],
  validation: ['val', 'valid', 'validation', 'dev', 'valset', 'validset', 'validationset', 'devset'],
  test: ['test', 'testing', 'tst', 'testset', 'testdata', 'eval', 'evaluation', 'evalset'],
};

const PLACES: ReadonlyMap<string, { readonly part: Part; readonly place: number }> = new Map(
  PARTS.flatMap((part) => WORDS[part].map((word, place) => [word, { part, place }] as const)),
);

/** Words that may accompany the name of a part: `training_set`, `val-images`, `Test Data`, `train2017`. */
const COMPANION =
  /^(sets?|data(sets?)?|splits?|parts?|folds?|folders?|images?|imgs?|pic(ture)?s|photos?|files?|lists?|filenames|names|ids|paths|\d+)$/;

/** Returns the words of a name in lower case: `Train_2017-setA` has the words train, 2017, set, a. */
function wordsOf(name: string): string[] {
  return (name.normalize('NFKC').match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lo}+|\d+/gu) ?? []).map((word) =>
    word.toLowerCase(),
  );
}

/** Returns the part that a shard's file name names by a whole word; the first one if there are several. */
export function partOfShard(name: string): Part | undefined {
  for (const word of wordsOf(name)) {
    const known = PLACES.get(word);
    if (known) return known.part;
  }
  return undefined;
}

/** A folder that has the name of a part. */
export interface NamedPart {
  readonly name: string;
  readonly part: Part;
  /** Order among folders of the same part: the least is used. */
  readonly rank: number;
}

/**
 * Returns the folders among `names` that are named as parts: by a word for a part, alone or with words like `set` and `images`
 * and numbers; or, as `seg_train` and `seg_test`, if names differ only in such words for different parts.
 */
export function namedParts(names: readonly string[]): NamedPart[] {
  const found: (NamedPart & { readonly template: string })[] = [];
  for (const name of names) {
    const words = wordsOf(name);
    const places = words.flatMap((word, at) => (PLACES.has(word) ? [at] : []));
    if (places.length !== 1) continue;
    const [at] = places as [number];
    const { part, place } = PLACES.get(words[at]!)!;
    const rest = words.filter((word, i) => i !== at && !COMPANION.test(word));
    found.push({
      name,
      part,
      rank: place * 100 + words.length,
      template: rest.length === 0 ? '' : template(words, at),
    });
  }
  const plain = found.filter((candidate) => candidate.template === '');
  const parts = new Map<string, Set<Part>>();
  for (const { template: shape, part } of found) parts.set(shape, (parts.get(shape) ?? new Set()).add(part));
  const alike = found.filter(({ template: shape }) => shape !== '' && parts.get(shape)!.size > 1);
  return plain.length > 0 ? plain : alike;
}

function template(words: readonly string[], at: number): string {
  return words.map((word, i) => (i === at ? '*' : word)).join(' ');
}

/** Returns true if a folder's name is that of a part, or a word such as `images`, with or without numbers: no class. */
function isGroupName(name: string): boolean {
  const words = wordsOf(name);
  return words.some((word) => !/^\d+$/.test(word)) && words.every((word) => PLACES.has(word) || COMPANION.test(word));
}

/** Returns a name without its numbers if one of its words is that of a part or such as `images`; else undefined. */
function seriesOf(name: string): string | undefined {
  const words = wordsOf(name).filter((word) => !/^\d+$/.test(word));
  return words.some((word) => PLACES.has(word) || COMPANION.test(word)) ? words.join(' ') : undefined;
}

/**
 * Returns true if folders are not named after classes, but after parts of the data set or the like, at every level: `train` and
 * `test`, `images`, `x_images_part_1` and `x_images_part_2`. Levels that all have in common do not count.
 * @param paths of the folders, empty or with a `/` at their ends.
 */
export function areGroups(paths: readonly string[]): boolean {
  const split = paths.map((path) => path.split('/').slice(0, -1));
  const [first = []] = split;
  const firstOther = first.findIndex((name, i) => split.some((names) => names[i] !== name));
  const shared = split.length === 1 || firstOther < 0 ? 0 : firstOther;
  const names = new Set(split.flatMap((words) => words.slice(shared)));
  const series = new Map<string, number>();
  for (const name of names) {
    const known = seriesOf(name);
    if (known !== undefined) series.set(known, (series.get(known) ?? 0) + 1);
  }
  return [...names].every((name) => isGroupName(name) || (series.get(seriesOf(name) ?? '') ?? 0) > 1);
}
