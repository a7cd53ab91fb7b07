/** Decides which layout the folders of a data set have (docs/decisions/0130). */
import { VggError } from '@vgg/core';
import { companionFolders } from './companions';
import { isImageName, isTar } from './files';
import { hasImages } from './folders';
import { hasImagenetLabels } from './imagenet';
import { type NamedPart, namedParts, type Part } from './parts';
import type { Child, Folder } from './tree';

/** A part of a data set and its folder. */
export interface PartFolder {
  readonly part: Part;
  readonly child: Child;
}

/** Meaning of the folders of a data set. */
export interface FolderLayout {
  /** `parts`: train/ and so on; `folders`: each is a class; `inner parts`: each is a class that holds train/ and so on. */
  readonly kind: 'parts' | 'folders' | 'inner parts';
  readonly parts: readonly PartFolder[];
  /** Folders that are neither parts nor classes. */
  readonly others: readonly Child[];
  /** Folders of a part that already has a folder with a plainer name. */
  readonly second: readonly PartFolder[];
  /** One line about a choice that could be wrong. */
  readonly note?: string | undefined;
}

/** Names of folders that accompany data sets and are not classes next to a part. */
const ACCOMPANYING =
  /^(docs?|documentation|dev_?kit|annotations?|labels?|meta(data)?|masks?|bboxes|figures?|assets|samples?|examples?|unlabell?ed|extra|pred(ictions?)?|scripts?|code|src|weights|models?|runs|results|outputs?|logs?)$/i;

/** Returns the child folders of the child folders, by name. */
function classesOf({ folder }: Child): string[] {
  return folder.folders.filter((child) => hasImages(child.folder)).map(({ name }) => name);
}

function hasTars({ folder }: Child): boolean {
  return folder.files.some(isTar);
}

function isUsed(child: Child): boolean {
  return hasImages(child.folder) || hasTars(child);
}

/** Returns the folders that are named as parts, without those that hold nothing. */
function partsAmong(children: readonly Child[]): (PartFolder & Pick<NamedPart, 'rank'>)[] {
  const byName = new Map(children.map((child) => [child.name, child]));
  return namedParts(children.map(({ name }) => name)).map(({ name, part, rank }) => ({
    part,
    rank,
    child: byName.get(name)!,
  }));
}

/** Divides candidates into the folder of each part with the plainest name, and the others. */
function plainest(candidates: readonly (PartFolder & Pick<NamedPart, 'rank'>)[]) {
  const sorted = [...candidates].sort((a, b) => Number(isUsed(b.child)) - Number(isUsed(a.child)) || a.rank - b.rank);
  const first = new Map<Part, PartFolder>();
  for (const candidate of sorted) if (!first.has(candidate.part)) first.set(candidate.part, candidate);
  const parts = [...first.values()];
  return { parts, second: candidates.filter(({ child }) => !parts.some((part) => part.child === child)) };
}

/**
 * Decides what the folders of `root` mean.
 * @param path of the root.
 * @param wanted `parts` or `folders` if the caller has chosen. Default: by names and content.
 */
export function layoutOf(path: string, root: Folder, wanted?: 'parts' | 'folders'): FolderLayout {
  const candidates = partsAmong(root.folders);
  const isCandidate = (child: Child) => candidates.some((candidate) => candidate.child === child);
  const others = root.folders.filter((child) => !isCandidate(child));
  const asParts = (note?: string): FolderLayout => ({ kind: 'parts', ...plainest(candidates), others, note });
  const asFolders = (note?: string): FolderLayout => ({ kind: 'folders', parts: [], others: [], second: [], note });
  if (wanted === 'parts') return asParts();
  if (wanted === 'folders') return asFolders();
  if (candidates.length === 0) return innerParts(root) ?? asFolders(noteOfSameFolders(root));

  const imageOthers = others.filter(({ folder }) => hasImages(folder));
  const structured = candidates.filter(({ child }) => classesOf(child).length > 0 || hasTars(child));
  const kinds = new Set(candidates.filter(({ child }) => isUsed(child)).map(({ part }) => part));
  if (imageOthers.length === 0) return asParts();
  const names = imageOthers
    .map(({ name }) => name)
    .slice(0, 3)
    .join(', ');
  const more = imageOthers.length > 3 ? ', …' : '';
  if (structured.length > 0) {
    const shared = new Set(structured.flatMap(({ child }) => classesOf(child)));
    const looksLikeClass = (child: Child) =>
      !ACCOMPANYING.test(child.name) && !classesOf(child).some((name) => shared.has(name));
    // One other folder with the same classes is a part under an unknown name; several are classes with the same folders.
    const isAmongClasses = kinds.size === 1 && imageOthers.filter((child) => !ACCOMPANYING.test(child.name)).length > 1;
    if (kinds.size > 1 || !(isAmongClasses || imageOthers.some(looksLikeClass))) {
      return asParts(`${names}${more} next to the parts: not used; if they are classes: --layout folders`);
    }
  } else if (candidates.some(({ child }) => isUsed(child) && hasImagenetLabels(path, child.name))) return asParts();
  const looked = candidates.filter(({ child }) => isUsed(child)).map(({ child }) => child.name);
  if (structured.length === 0 && kinds.size > 1) {
    throw new VggError(
      'dataset',
      `${path} has images in ${looked.join(', ')} next to ${names}${more}: choose --layout folders if each is a class; parts need class folders`,
    );
  }
  if (looked.length === 0) return asFolders();
  checkNoSiblings(path, structured, imageOthers);
  return asFolders(
    `${looked.join(', ')}: taken for classes, as ${names}${more}; if they are parts of the data set: --layout parts`,
  );
}

/**
 * @throws VggError `VGG_DATASET` if a folder that is named as a part holds the classes that lie next to it: `val/cat` next to `cat`.
 */
function checkNoSiblings(path: string, structured: readonly PartFolder[], others: readonly Child[]): void {
  const names = new Set(others.map(({ name }) => name));
  const found = structured.find(({ child }) => sharedNames(child, names).length > 1);
  if (found === undefined) return;
  const { name } = found.child;
  throw new VggError(
    'dataset',
    `${path}: ${name} holds the classes that lie next to it, such as ${sharedNames(found.child, names)[0]}: move those next to ` +
      `it into a folder train, or choose --layout folders if ${name} is a class`,
  );
}

/** Returns the folders of a folder that have names of other folders. */
function sharedNames(child: Child, names: ReadonlySet<string>): string[] {
  return classesOf(child).filter((name) => names.has(name));
}

/** Returns a line about a class whose folders are named as other classes are: it may be another version of them. */
function noteOfSiblings(used: readonly Child[]): string | undefined {
  const names = new Set(used.map(({ name }) => name));
  const found = used.find((child) => sharedNames(child, names).length > 1);
  if (found === undefined) return undefined;
  const shared = sharedNames(found, names);
  return `${found.name} is taken for a class, but its folders have the names of classes, ${shared.slice(0, 3).join(', ')}: if it is none, move it elsewhere`;
}

/** Returns a line about classes that all have the same folders: they may be parts with names that are not known. */
function noteOfSameFolders(root: Folder): string | undefined {
  const used = root.folders.filter(isUsed);
  const note = noteOfSiblings(used);
  if (note !== undefined) return note;
  const [first, ...rest] = used.map(classesOf);
  if (used[0] !== undefined && companionFolders(used[0].folder.folders).size > 0) return undefined;
  const isSame = first !== undefined && first.length > 1 && rest.every((names) => names.join('/') === first.join('/'));
  if (!isSame || rest.length === 0 || used.some(({ folder }) => folder.files.some(isImageName))) return undefined;
  const names = used.map(({ name }) => name).slice(0, 3);
  return `${names.join(', ')}${used.length > 3 ? ', …' : ''} have the same folders, ${first.slice(0, 3).join(', ')}${first.length > 3 ? ', …' : ''}: each is taken for a class; if they are parts of the data set, name them train, val and test`;
}

/** Recognises classes that hold parts: `cat/train`, `cat/test`, `dog/train` and so on. */
function innerParts(root: Folder): FolderLayout | undefined {
  const found = new Map<Part, PartFolder>();
  for (const { folder } of root.folders) {
    if (!hasImages(folder)) continue;
    const inner = folder.folders.filter((child) => hasImages(child.folder));
    const parts = partsAmong(inner);
    if (folder.files.some(isImageName) || inner.length === 0 || parts.length < inner.length) return undefined;
    for (const part of parts) found.set(part.part, part);
  }
  if (found.size < 2 || !found.has('train')) return undefined;
  return { kind: 'inner parts', parts: [...found.values()], others: [], second: [] };
}

/** Returns the folders of one class that hold one of its parts. */
export function innerPartFolders({ folder }: Child, part: Part): Child[] {
  return partsAmong(folder.folders)
    .filter((candidate) => candidate.part === part)
    .map(({ child }) => child);
}

/**
 * Returns the only folder of a folder, if that one holds the data set and the outer one only wraps it, as some archives are
 * unpacked.
 */
export function wrapped(folder: Folder): Child | undefined {
  if (folder.files.some((name) => isImageName(name) || isTar(name))) return undefined;
  const used = folder.folders.filter(isUsed);
  const [only] = used;
  if (only === undefined || used.length > 1 || only.folder.files.some(isImageName)) return undefined;
  return classesOf(only).length > 1 || (hasTars(only) && classesOf(only).length === 0) ? only : undefined;
}
