/**
 * Lists a data set's folder with everything below it. Every real folder is read once. A link to a folder is followed, unless
 * that folder contains the link (docs/decisions/0130).
 */
import { realpathSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { fsPath, nameOf, readableName } from '../byte-names';
import { statsOf } from '../file-stats';
import { byName, isImageName, isSystemName } from './files';
import type { UnusedKind } from './unused';

/** A folder below another one. */
export interface Child {
  readonly name: string;
  readonly folder: Folder;
  /** True if `name` is a symbolic link. */
  readonly isLink: boolean;
}

/** Content of a folder, sorted by name. */
export interface Folder {
  /** Path without links: it identifies the folder. */
  readonly real: string;
  /** Names of files that a data set may use. */
  readonly files: readonly string[];
  readonly folders: readonly Child[];
  /** Entries that are never used. */
  readonly left: readonly { readonly name: string; readonly kind: UnusedKind }[];
}

/** Adds the paths of all real folders below a folder, itself included. */
export function addReal(folder: Folder, paths: Set<string>): void {
  paths.add(folder.real);
  for (const child of folder.folders) if (!child.isLink) addReal(child.folder, paths);
}

interface OpenFolder extends Folder {
  readonly files: string[];
  readonly folders: Child[];
  readonly left: { name: string; kind: UnusedKind }[];
}

/** A link to a folder that is still to be followed. */
interface Link {
  readonly from: OpenFolder;
  readonly name: string;
  readonly target: string;
}

interface Entry {
  readonly name: string;
  isDirectory(): boolean;
  isFile(): boolean;
  isSymbolicLink(): boolean;
}

/**
 * Lists a folder and everything below it.
 * @throws VggError `VGG_DATASET` if a folder cannot be read.
 */
export async function readTree(path: string): Promise<Folder> {
  const known = new Map<string, OpenFolder>();
  const links: Link[] = [];
  const root = await readFolder(realPath(path) ?? path, known, links);
  for (const { from, name, target } of links) {
    const folder = known.get(target) ?? (await readFolder(target, known, links));
    from.folders.push({ name, folder, isLink: true });
  }
  for (const folder of new Set(links.map(({ from }) => from))) folder.folders.sort((a, b) => byName(a.name, b.name));
  return root;
}

async function readFolder(real: string, known: Map<string, OpenFolder>, links: Link[]): Promise<OpenFolder> {
  const folder: OpenFolder = { real, files: [], folders: [], left: [] };
  known.set(real, folder);
  for (const entry of await entriesOf(real)) {
    const { name } = entry;
    if (isSystemName(name)) folder.left.push({ name, kind: 'system' });
    else if (entry.isDirectory()) {
      const below = join(real, name);
      folder.folders.push({ name, folder: known.get(below) ?? (await readFolder(below, known, links)), isLink: false });
    } else if (entry.isFile()) folder.files.push(name);
    else if (entry.isSymbolicLink()) readLink(folder, name, links);
    else folder.left.push({ name, kind: 'special' });
  }
  return folder;
}

function readLink(folder: OpenFolder, name: string, links: Link[]): void {
  const path = join(folder.real, name);
  const target = statsOf(path);
  const real = target?.isDirectory() ? realPath(path) : undefined;
  // A link to an image that is missing is an unusable image, which is named when it is read.
  if (target?.isFile() || (target === undefined && isImageName(name))) folder.files.push(name);
  else if (real === undefined) folder.left.push({ name, kind: target === undefined ? 'broken link' : 'special' });
  else if (isWithin(folder.real, real)) folder.left.push({ name, kind: 'loop' });
  else links.push({ from: folder, name, target: real });
}

/** True if `path` is `folder` or lies below it. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Returns a path without links; `undefined` if there is nothing. */
function realPath(path: string): string | undefined {
  try {
    return nameOf(realpathSync.native(fsPath(path), 'buffer'));
  } catch {
    return undefined;
  }
}

async function entriesOf(path: string): Promise<Entry[]> {
  try {
    const entries: Entry[] = await readdir(fsPath(path), { withFileTypes: true });
    const isExact = !entries.some(({ name }) => name.includes('\ufffd'));
    const exact = isExact ? entries : (await readdir(fsPath(path), ENTRIES_OF_BYTES)).map(withName);
    return exact.sort((a, b) => byName(a.name, b.name));
  } catch (cause) {
    throw new VggError('dataset', `cannot read the data folder ${readableName(path)}: ${reasonOf(cause)}`, { cause });
  }
}

const ENTRIES_OF_BYTES = { withFileTypes: true, encoding: 'buffer' } as const;

function withName(entry: Omit<Entry, 'name'> & { readonly name: Uint8Array }): Entry {
  return {
    name: nameOf(entry.name),
    isDirectory: () => entry.isDirectory(),
    isFile: () => entry.isFile(),
    isSymbolicLink: () => entry.isSymbolicLink(),
  };
}

function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such folder';
  if (code === 'ENOTDIR') return 'it is not a folder';
  return systemReason(cause);
}
