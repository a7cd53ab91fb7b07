/** Lists the images of a tree and the files that may be tables of their labels. */
import { join } from 'node:path';
import { companionFolders, companionsAmong } from './companions';
import { isImageName } from './files';
import type { TreeImage } from './image-names';
import { areGroups } from './parts';
import { addReal, type Folder } from './tree';
import type { Account } from './unused';

/** A file that may be a table of labels. */
export interface TableFile {
  /** Path relative to the data set. */
  readonly name: string;
  readonly path: string;
  /** Path of its folder relative to the data set, empty or with a `/` at its end. */
  readonly below: string;
  /** True if there are images in its folder. */
  readonly isAmongImages: boolean;
}

/** Images of a tree, and the tables next to them. */
export interface Content {
  readonly images: readonly TreeImage[];
  readonly tables: readonly TableFile[];
  /** True if the folders of the images are named after parts of the data set, or the like: `train`, `images`, `part_1`. */
  readonly hasGroups: boolean;
  /** True if all images are in one folder. */
  readonly hasOneFolder: boolean;
}

const TABLE = /\.(csv|tsv|txt|lst)$/i;

/** Names of tables without classes: forms of a competition, and boxes of ILSVRC. */
const NOT_LABELS = /submission|^LOC_(train|val)_solution\./i;

/** A folder with more tables has one for each image, or the like: it is left out. */
const MOST_TABLES = 20;

/** Visits the folders of a tree, each once, without those of masks and thumbnails. @param account counts those that are left out. */
function walk(
  folder: Folder,
  below: string,
  visit: (folder: Folder, below: string, companions: ReadonlySet<string>) => void,
  account?: Account,
  seen: Set<string> = realFolders(folder),
): void {
  visit(folder, below, companionsAmong(folder.files));
  const others = companionFolders(folder.folders);
  for (const child of folder.folders) {
    const inside = `${below}${child.name}/`;
    if (others.has(child)) account?.addAll(child.folder, inside, 'companion');
    else if (child.isLink && seen.has(child.folder.real)) account?.add('second link', below + child.name);
    else {
      seen.add(child.folder.real);
      walk(child.folder, inside, visit, account, seen);
    }
  }
}

function realFolders(folder: Folder): Set<string> {
  const paths = new Set<string>();
  addReal(folder, paths);
  return paths;
}

const isTable = (name: string) => TABLE.test(name) && !NOT_LABELS.test(name);

/** Returns true if a folder has files that may be tables, at any depth. */
export function holdsTables(folder: Folder, seen: Set<string> = new Set()): boolean {
  if (seen.has(folder.real)) return false;
  seen.add(folder.real);
  return folder.files.some(isTable) || folder.folders.some((child) => holdsTables(child.folder, seen));
}

/** Lists the images and tables of a tree. @param path of the tree. */
export function contentOf(path: string, tree: Folder): Content {
  const images: TreeImage[] = [];
  const tables: TableFile[] = [];
  walk(tree, '', (folder, below, companions) => {
    const own = folder.files.filter((name) => isImageName(name) && !companions.has(name));
    for (const name of own) images.push({ folder: below, name });
    const found = folder.files.filter(isTable);
    if (found.length > MOST_TABLES) return;
    for (const name of found)
      tables.push({ name: below + name, path: join(path, below, name), below, isAmongImages: own.length > 0 });
  });
  const folders = [...new Set(images.map(({ folder }) => folder))];
  return { images, tables, hasGroups: areGroups(folders), hasOneFolder: folders.length === 1 };
}

/** Counts the files of a tree that are not images of it. */
export function countOthers(tree: Folder, account: Account): void {
  const visit = (folder: Folder, below: string, companions: ReadonlySet<string>) => {
    account.addLeft(folder, below);
    account.addFiles(
      { files: folder.files.filter((name) => !isImageName(name) || companions.has(name)) },
      below,
      'companion',
    );
  };
  walk(tree, '', visit, account);
}
