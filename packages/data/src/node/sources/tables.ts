/**
 * Opens images whose classes are in a table, such as `labels.csv` next to `images/`, and decides whether the table or the folders
 * have the classes (docs/decisions/0202).
 */
import { isVggError, VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { readableName } from '../byte-names';
import { ClassPlaces } from './class-places';
import { FileList } from './file-list';
import { byName } from './files';
import { type Content, contentOf, countOthers, holdsTables, type TableFile } from './flat-images';
import { ImageNames, partOfFolder } from './image-names';
import { divideByLists, listsIn } from './lists';
import { PARTS, type Part, partOfShard } from './parts';
import { type LabelTable, RowLabels } from './row-labels';
import { columnsOf, rankOfLabel } from './table-columns';
import { readTable } from './table-file';
import type { Folder } from './tree';
import type { Account } from './unused';

/** Number of classes that a line names. */
const NAMED = 3;

/** Parts of a data set. */
export type LabelledParts = Partial<Record<Part, ImageSource>>;

/** Reads the files that are tables of labels; the others are in `faults`, with the reason. */
async function readTables(
  files: readonly TableFile[],
  names: ImageNames,
  images: number,
): Promise<{ tables: LabelTable[]; faults: { file: TableFile; error: VggError }[] }> {
  const tables: LabelTable[] = [];
  const faults: { file: TableFile; error: VggError }[] = [];
  for (const file of files) {
    const { name, path, below } = file;
    try {
      const table = await readTable(path, name);
      const columns = columnsOf(table, name, images, (text) => names.find(text, below));
      tables.push({ name, below, table, columns, part: partOfShard(name.slice(below.length)) ?? partOfFolder(below) });
    } catch (error) {
      if (!isVggError(error)) throw error;
      faults.push({ file, error });
    }
  }
  return { tables, faults };
}

/** Returns the name of the column of the classes; empty for a table without names of columns. */
function labelName({ columns: { label, names, first } }: LabelTable): string {
  return first === 0
    ? ''
    : typeof label === 'number'
      ? names[label]!
      : label.map((column) => names[column]!).join(', ');
}

/** Returns the tables with the same column of classes as the one that most likely has them, and says which others there are. */
function chosenTables(tables: readonly LabelTable[], notes: string[]): LabelTable[] {
  const isForTraining = ({ part }: LabelTable) => part === undefined || part === 'train';
  const rank = (table: LabelTable) => (isForTraining(table) ? 0 : 1000) + rankOfLabel(labelName(table));
  const [best] = [...tables].sort((a, b) => rank(a) - rank(b) || byName(a.name, b.name));
  const own = labelName(best!);
  const chosen = tables.filter((table) => labelName(table).toLowerCase() === own.toLowerCase());
  for (const other of tables) {
    if (chosen.includes(other)) continue;
    notes.push(
      `${readableName(other.name)} is not used: its column ${readableName(labelName(other))} is not the column ` +
        `${readableName(own)} of ${readableName(best!.name)}`,
    );
  }
  return chosen;
}

/** Returns true if all labelled images of each folder have the same class: the folders are classes, too. */
function areFoldersClasses({ images }: Content, { labels }: RowLabels): boolean {
  const byFolder = new Map<string, number>();
  return images.every(({ folder }, i) => {
    const label = labels[i]!;
    const known = byFolder.get(folder) ?? label;
    if (label >= 0) byFolder.set(folder, label);
    return label < 0 || known === label;
  });
}

/**
 * Opens the images of a tree by its tables of labels.
 * @param path of the data set.
 * @param isWanted true if the caller has chosen tables; otherwise they are used if the folders are not classes.
 * @returns undefined if the folders are to be used.
 * @throws VggError `VGG_DATASET` for a table that cannot be used, if there is no other meaning.
 */
export async function openTables(
  path: string,
  tree: Folder,
  account: Account,
  isWanted: boolean,
): Promise<LabelledParts | undefined> {
  // Most data sets have no table, and may have a million images that need not be listed here.
  if (!isWanted && !holdsTables(tree)) return undefined;
  const content = contentOf(path, tree);
  const { images, tables: files, hasGroups, hasOneFolder } = content;
  const isFlat = hasGroups || hasOneFolder;
  const looked = files.filter(({ isAmongImages }) => isFlat || isWanted || !isAmongImages);
  if (images.length === 0 || looked.length === 0) {
    if (isWanted) throw noTable(path, 'expected a table such as labels.csv with names of images and their classes');
    return undefined;
  }
  const names = new ImageNames(images);
  const { tables, faults } = await readTables(looked, names, images.length);
  if (tables.length === 0) {
    const fault = faults.find(({ file }) => isWanted || /\.[ct]sv$/i.test(file.name))?.error;
    if (fault === undefined) return undefined;
    if (isWanted || hasGroups) throw noTable(path, fault.message);
    if (isFlat) account.notes.push(`no table of labels is used; ${fault.message}`);
    return undefined;
  }
  const labels = new RowLabels(names, images.length);
  const chosen = chosenTables(tables, labels.notes);
  try {
    for (const table of chosen) labels.add(table);
    for (const table of chosen) labels.checkSingle(table);
  } catch (error) {
    if (isFlat || isWanted || !isVggError(error)) throw error;
    return undefined;
  }
  const shown = chosen.map(({ name }) => readableName(name)).join(', ');
  const column = readableName(labelName(chosen[0]!)) || 'a column';
  if (!isWanted && !hasGroups) {
    if (areFoldersClasses(content, labels)) return undefined;
    if (!hasOneFolder) {
      account.notes.push(
        `the classes are the folders; ${shown} has others (${column}: ${listed(labels.classes)}): --layout table uses them`,
      );
      return undefined;
    }
  }
  if (labels.classes.length === 0) throw noTable(path, `${shown} gives no image a class`);
  countOthers(tree, account);
  for (const { name } of chosen) account.use(name);
  for (const note of [described(chosen, shown, labels), ...labels.notes]) account.notes.push(note);
  return partsOf(path, tree, content, labels, { chosen, account });
}

function noTable(path: string, reason: string): VggError {
  return new VggError(
    'dataset',
    `${readableName(path)} holds images without class folders and no table of labels: ${reason}`,
  );
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, NAMED).map(readableName).join(', ');
  return names.length > NAMED ? `${first}, … ${names.length}` : first;
}

/** Returns the line that says what the tables are used for. */
function described(chosen: readonly LabelTable[], shown: string, { classes, labels }: RowLabels): string {
  const { columns } = chosen[0]!;
  const { label, image, split, names } = columns;
  const columnOf = (column: number) => readableName(names[column]!);
  const of = typeof label === 'number' ? `column ${columnOf(label)}` : `${label.length} columns`;
  const parts = split === undefined ? '' : ` and the parts (${columnOf(split)})`;
  const count = labels.reduce((sum, place) => sum + (place < 0 ? 0 : 1), 0);
  return (
    `${shown} has the classes (${of}: ${listed(classes)})${parts} of ${count} images (column ${columnOf(image)}); for folders instead: ` +
    '--layout folders'
  );
}

/** Returns classes in the order of their names, or of numbers. */
function sorted(names: readonly string[]): string[] {
  return names.every((name) => /^\d+$/.test(name))
    ? [...names].sort((a, b) => Number(a) - Number(b))
    : [...names].sort(byName);
}

interface Chosen {
  readonly chosen: readonly LabelTable[];
  readonly account: Account;
}

/** Divides the labelled images into parts. */
async function partsOf(
  path: string,
  tree: Folder,
  { images }: Content,
  { labels, parts, classes, names }: RowLabels,
  { chosen, account }: Chosen,
): Promise<LabelledParts> {
  const found = Array.from(images.keys(), (i) => (labels[i]! < 0 ? undefined : (parts[i] ?? names.partOf(i))));
  const hasTrain = found.includes('train');
  const members: Record<Part, number[]> = { train: [], validation: [], test: [] };
  for (const [i, part] of found.entries()) {
    if (labels[i]! < 0) account.add('no class', names.pathOf(i));
    else if (part === undefined && hasTrain) account.add('unlisted', names.pathOf(i));
    else members[part ?? 'train'].push(i);
  }
  const result: LabelledParts = {};
  for (const part of PARTS) {
    if (members[part].length === 0) continue;
    const own = sorted([...new Set(members[part].map((i) => classes[labels[i]!]!))]);
    const trained = result.train?.classes;
    const places = new ClassPlaces(trained ?? own);
    const strange = own.find((name) => places.of(name) === undefined);
    // A test part may have classes of its own.
    if (strange !== undefined && part === 'validation') {
      throw new VggError(
        'dataset',
        `${readableName(path)}: the validation part has the class ${readableName(strange)}, which the training part does not have`,
      );
    }
    const used = strange === undefined ? (trained ?? own) : own;
    const placeOf = strange === undefined ? places : new ClassPlaces(own);
    const byClass = classes.map((name) => placeOf.of(name) ?? -1);
    const place = (i: number) => byClass[labels[i]!]!;
    const list = new FileList(path);
    for (const i of members[part].sort((a, b) => place(a) - place(b) || a - b))
      list.add(images[i]!.folder, [images[i]!.name], place(i));
    result[part] = list.source(path, used);
    const note = places.noteFor(path);
    if (note !== undefined) account.notes.push(note);
  }
  const { train } = result;
  if (train === undefined || Object.keys(result).length > 1) return result;
  const used = new Set(chosen.map(({ name }) => name));
  const lists = listsIn(path, tree, '').filter(({ name }) => !used.has(name));
  return (lists.length > 0 ? await divideByLists(train, lists, account, '') : undefined) ?? result;
}
