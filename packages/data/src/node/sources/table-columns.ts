/** Finds the columns of a table of labels by their content and their names (docs/decisions/0202). */
import { readableName } from '../byte-names';
import { isImageName } from './files';
import { namedParts, type Part } from './parts';
import { type Table, tableError } from './table-file';

type Rows = Table['rows'];

/** Columns of a table, counted from 0. */
export interface Columns {
  /** Names of the images. */
  readonly image: number;
  /** Classes; in a table with a column for each class, these columns. */
  readonly label: number | readonly number[];
  /** Parts of the data set. */
  readonly split: number | undefined;
  /** Index of the first row below the names of the columns. */
  readonly first: number;
  /** Names of the columns: those in the first row, or `column 1` and so on. */
  readonly names: readonly string[];
}

/** Returns what a name in a table means: the index of an image, or why it is refused; undefined for none. */
export type Find = (name: string) => number | string | undefined;

/** Usual names of the column of classes, in small letters and digits, in the order in which they are preferred. */
const LABELS = (
  'classname labelname categoryname label labels class classes category target breed species diagnosis dx disease grade level variety ' +
  'type tag tags findinglabels labelid classid categoryid classindex y'
).split(' ');

/** Names of columns that are not the class. */
const OTHERS = /^(|unnamed\d*|index|row|k?folds?|split|subset|partition|usage|phase|set|dataset)$/;

/** Fraction of the names in a column that must be those of images, or of the images that they must name. */
const LEAST = 0.9;

/** Number of columns above which only those that name an image in `SAMPLED` rows are looked at in all rows. */
const MANY = 8;
const SAMPLED = 2000;

/** Number of columns that a message names. */
const NAMED = 5;

const plain = (name: string) => name.toLowerCase().replaceAll(/[^\p{Ll}\p{Lo}\d]/gu, '');

/** Returns the part that a field names: `train`, `Validation`, `test set`. */
export function partNamed(text: string): Part | undefined {
  return namedParts([text])[0]?.part;
}

/** Returns how usual a name is for the column of classes: 0 for the most usual one. */
export function rankOfLabel(name: string): number {
  const place = LABELS.indexOf(plain(name));
  return place < 0 ? LABELS.length : place;
}

/** Returns true if each field of a column below the first row names a part. */
function isSplit(rows: Rows, column: number): boolean {
  const known = new Map<string, boolean>();
  const isPart = (text: string) => {
    const isKnown = known.get(text) ?? partNamed(text) !== undefined;
    known.set(text, isKnown);
    return isKnown;
  };
  return rows.length > 1 && rows.every((row, i) => i === 0 || isPart(row[column]!));
}

/** Returns true if a column counts the rows, from 0 or 1. */
function isNumbering(rows: Rows, column: number, first: number): boolean {
  const start = rows[first]?.[column];
  if (start !== '0' && start !== '1') return false;
  return rows.every((row, i) => i < first || row[column] === String(i - first + Number(start)));
}

interface Count {
  /** Number of different images that a column names, and of names that are refused. */
  readonly images: number;
  /** Number of rows that name an image. */
  readonly rows: number;
}

/** Counts what a column names below the first row, in every `step`-th row. */
function countNamed(rows: Rows, column: number, find: Find, step = 1): Count {
  const images = new Set<number>();
  let refused = 0;
  let named = 0;
  for (let i = Math.min(1, rows.length - 1); i < rows.length; i += step) {
    const found = find(rows[i]![column]!);
    if (found === undefined) continue;
    named += 1;
    if (typeof found === 'number') images.add(found);
    else refused += 1;
  }
  return { images: images.size + refused, rows: named };
}

/** Returns the column that names most images; of several, that of file names, or else one that is not called a number. */
function imageColumn(rows: Rows, counts: readonly Count[]): number {
  const most = counts.reduce((largest, { images }) => Math.max(largest, images), 0);
  const found = [...counts.keys()].filter((column) => counts[column]!.images >= LEAST * most);
  const isFile = (column: number) => isImageName(rows.at(-1)![column]!);
  return found.find(isFile) ?? found.find((column) => !OTHERS.test(plain(rows[0]![column]!))) ?? found[0]!;
}

/**
 * Finds the columns of a table. The column of the images is the one that names most of them, if nine tenths of its rows name one,
 * or it names nine tenths of the images.
 * @param images number of images.
 * @throws VggError `VGG_DATASET`, one line, if there is no column of images, or none or several may be that of the classes.
 */
export function columnsOf({ rows }: Table, name: string, images: number, find: Find): Columns {
  const top = rows[0]!;
  const all = [...top.keys()];
  const split = all.find((column) => isSplit(rows, column));
  const step = all.length > MANY ? Math.ceil(rows.length / SAMPLED) : 1;
  const counts = all.map((column): Count => {
    const isLooked = column !== split && (step === 1 || countNamed(rows, column, find, step).rows > 0);
    return isLooked ? countNamed(rows, column, find) : { images: 0, rows: 0 };
  });
  const image = imageColumn(rows, counts);
  const below = Math.max(1, rows.length - 1);
  const named = counts[image]!;
  if (named.rows < LEAST * below && named.images < LEAST * images) {
    throw tableError(name, `no column names the images; the best one does in ${named.rows} of ${below} rows`);
  }
  const isHeader = rows.length > 1 && find(top[image]!) === undefined && !isImageName(top[image]!);
  const first = isHeader ? 1 : 0;
  const names = all.map((column) => (isHeader && top[column] !== '' ? top[column]! : `column ${column + 1}`));
  const others = all.filter((column) => {
    if (column === image || column === split || counts[column]!.images >= LEAST * named.images) return false;
    return !(isHeader && OTHERS.test(plain(top[column]!))) && !isNumbering(rows, column, first);
  });
  const label = isHeader ? namedLabel(rows, others, names) : others.length === 1 ? others[0] : undefined;
  if (label !== undefined) return { image, label, split, first, names };
  const listed = others
    .slice(0, NAMED)
    .map((column) => readableName(names[column]!))
    .join(', ');
  const found =
    others.length === 0
      ? 'no column is left for the classes'
      : `${listed}${others.length > NAMED ? ', …' : ''} may be the classes`;
  throw tableError(name, `${found}: name the column of the classes "label"`);
}

/** Returns the column of the classes of a table with names of columns, or those of a table with a column for each class. */
function namedLabel(
  rows: Rows,
  others: readonly number[],
  names: readonly string[],
): number | readonly number[] | undefined {
  if (others.length <= 1) return others[0];
  const plainNames = names.map(plain);
  for (const usual of LABELS) {
    const column = others.find((other) => plainNames[other] === usual);
    if (column !== undefined) return column;
  }
  const isFlag = (text: string) => /^[01](\.0*)?$/.test(text);
  return rows.every((row, i) => i === 0 || others.every((column) => isFlag(row[column]!))) ? others : undefined;
}
