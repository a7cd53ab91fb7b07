/** Gives the images of a tree the classes and parts that rows of tables name (docs/decisions/0202). */
import { VggError } from '@vgg/core';
import { readableName } from '../byte-names';
import type { ImageNames, NameFault } from './image-names';
import type { Part } from './parts';
import { type Columns, partNamed } from './table-columns';
import { type Table, tableError } from './table-file';

/** A table of labels, read. */
export interface LabelTable {
  /** Path relative to the data set. */
  readonly name: string;
  /** Path of its folder relative to the data set, empty or with a `/` at its end. */
  readonly below: string;
  readonly table: Table;
  readonly columns: Columns;
  /** Part that the table is named after. */
  readonly part: Part | undefined;
}

/** A row of a table. */
interface Place {
  readonly table: LabelTable;
  readonly row: number;
}

/** Longest name of a class in UTF-16 code units, about that of a folder. */
const LONGEST = 255;

/** Number of images that a message names. */
const NAMED = 3;

const FAULTS: Readonly<Record<NameFault, string>> = {
  absolute: 'is an absolute path: expected a path in the data set, such as images/1.jpg',
  outside: 'lies outside of the data set: expected a path in it, such as images/1.jpg',
  several: 'is the name of several images: add their folders',
};

/** Classes of images. */
export class RowLabels {
  /** Names of the classes in the order in which rows name them. */
  readonly classes: string[] = [];
  /** Index of the class of each image; -1 for one that no row names. */
  readonly labels: Int32Array;
  /** Part of each image that a table names. */
  readonly parts: (Part | undefined)[];
  readonly notes: string[] = [];
  readonly names: ImageNames;
  readonly #places = new Map<string, number>();
  readonly #tables: LabelTable[] = [];
  /** Table and row that gave each image its class. */
  readonly #tableOf: Int32Array;
  readonly #rowOf: Int32Array;

  constructor(names: ImageNames, images: number) {
    this.names = names;
    this.labels = new Int32Array(images).fill(-1);
    this.parts = new Array<Part | undefined>(images).fill(undefined);
    this.#tableOf = new Int32Array(images);
    this.#rowOf = new Int32Array(images);
  }

  /**
   * Reads the rows of a table.
   * @throws VggError `VGG_DATASET`, one line, for several classes of an image or in a row, a path outside of the data set, a text that
   *   is not a class.
   */
  add(table: LabelTable): void {
    const { name, columns } = table;
    const { rows } = table.table;
    const own = this.#tables.push(table) - 1;
    const missing: number[] = [];
    const empty: number[] = [];
    const twice: string[] = [];
    let conflicts = 0;
    for (let row = columns.first; row < rows.length; row++) {
      const part = this.#partOf(table, row);
      const given = rows[row]![columns.image]!;
      const image = this.names.find(given, table.below, part);
      if (typeof image === 'string') throw tableError(name, `${shown(given)} ${FAULTS[image]}`, table.table.line(row));
      if (image === undefined) {
        missing.push(row);
        continue;
      }
      const label = this.#labelOf(table, row);
      if (label === undefined) {
        empty.push(row);
        continue;
      }
      const known = this.labels[image]!;
      if (known >= 0 && known !== label) {
        conflicts += 1;
        if (twice.length < NAMED) twice.push(this.#conflict(image, label, { table, row }));
        continue;
      }
      this.#setPart(image, part, { table, row });
      this.labels[image] = label;
      this.#tableOf[image] = own;
      this.#rowOf[image] = row;
    }
    if (conflicts > 0) throw severalClasses(name, twice, conflicts);
    this.#note(table, missing, 'name no image');
    this.#note(table, empty, 'have no class: their images are not used');
  }

  #note({ name, columns, table: { rows, line } }: LabelTable, found: readonly number[], what: string): void {
    const [row] = found;
    if (row === undefined) return;
    this.notes.push(
      `${readableName(name)}: ${found.length} of its ${rows.length - columns.first} rows ${what}, such as line ${line(row)}, ` +
        shown(rows[row]![columns.image]!),
    );
  }

  /** Returns the part that a row or its table names. */
  #partOf({ name, part, columns, table: { rows, line } }: LabelTable, row: number): Part | undefined {
    if (columns.split === undefined) return part;
    const text = rows[row]![columns.split]!;
    const own = partNamed(text);
    if (own === undefined)
      throw tableError(
        name,
        `expected train, val or test in ${columns.names[columns.split]}, got ${shown(text)}`,
        line(row),
      );
    return own;
  }

  /** Keeps the part of an image that a row names, if it does. */
  #setPart(image: number, part: Part | undefined, now: Place): void {
    const known = this.parts[image];
    if (known !== undefined && part !== undefined && known !== part) {
      throw tableError(
        now.table.name,
        `${this.#shownImage(image)} is of the part ${part}, but of ${known} in ${placeOf(this.#placeOf(image))}: keep one of them`,
        now.table.table.line(now.row),
      );
    }
    this.parts[image] = part ?? known;
  }

  #placeOf(image: number): Place {
    return { table: this.#tables[this.#tableOf[image]!]!, row: this.#rowOf[image]! };
  }

  #labelOf(table: LabelTable, row: number): number | undefined {
    const { name, columns } = table;
    const fields = table.table.rows[row]!;
    if (typeof columns.label === 'number') {
      const text = fields[columns.label]!;
      return text === '' ? undefined : this.#place(text, table, row);
    }
    const set = columns.label.filter((column) => Number(fields[column]) === 1);
    if (set.length === 1) return this.#place(columns.names[set[0]!]!, table, row);
    const found =
      set.length === 0
        ? 'none'
        : set
            .map((column) => shown(columns.names[column]!))
            .slice(0, NAMED)
            .join(', ');
    throw tableError(
      name,
      `expected one class, got ${found}: an image must have one class, not none or several`,
      table.table.line(row),
    );
  }

  #place(text: string, { name, table }: LabelTable, row: number): number {
    const label = /^\d+\.0+$/.test(text) ? text.slice(0, text.indexOf('.')) : text.normalize();
    const known = this.#places.get(label);
    if (known !== undefined) return known;
    if (label.length > LONGEST || /\p{Cc}/u.test(label)) {
      throw tableError(
        name,
        `expected the name of a class, got ${shown(label)}, which is too long or has control characters`,
        table.line(row),
      );
    }
    if (/^[[{].*[\]}]$|\|/.test(label)) throw severalIn(name, label, table.line(row));
    const place = this.classes.push(label) - 1;
    this.#places.set(label, place);
    return place;
  }

  /** @throws VggError `VGG_DATASET` if a name of a class lists other classes: `cat, dog`, or words in a column of tags. */
  checkSingle(table: LabelTable): void {
    const { columns, name } = table;
    const isTags = typeof columns.label === 'number' && /^tags?$/i.test(columns.names[columns.label]!);
    for (const label of this.classes) {
      for (const separator of [';', ',', ' ']) {
        const words = label.split(separator).map((word) => word.trim());
        if (words.length < 2) continue;
        if ((isTags && separator === ' ') || words.every((word) => this.#places.has(word)))
          throw severalIn(name, label);
      }
    }
  }

  #shownImage(image: number): string {
    return readableName(this.names.pathOf(image));
  }

  #conflict(image: number, label: number, now: Place): string {
    const known = this.classes[this.labels[image]!]!;
    return `${this.#shownImage(image)} (${known} in ${placeOf(this.#placeOf(image))}, ${this.classes[label]} in ${placeOf(now)})`;
  }
}

function placeOf({ table, row }: Place): string {
  return `line ${table.table.line(row)} of ${readableName(table.name)}`;
}

/** Returns a text of a table for a message. */
function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function severalIn(name: string, label: string, line?: number): VggError {
  return tableError(
    name,
    `several classes of an image, such as ${shown(label)}, are not supported: expected one class a row`,
    line,
  );
}

function severalClasses(name: string, examples: readonly string[], count: number): VggError {
  const more = count > examples.length ? ` and ${count - examples.length} more` : '';
  return new VggError(
    'dataset',
    `${readableName(name)}: rows give an image different classes: ${examples.join(', ')}${more}; keep one row of each, as an image has one class`,
  );
}
