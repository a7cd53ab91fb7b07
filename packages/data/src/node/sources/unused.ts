/** The account of the files of a data set that are not used: every file is used, or counted here with the reason. */
import { readableName } from '../byte-names';
import { extensionOf, fileKind } from './files';
import type { Folder } from './tree';

const REASONS = {
  system: 'hidden files, and files and folders of an operating system or an archiver',
  other: 'not images',
  nameless: 'names without an extension',
  format: 'image formats that are not read: convert them',
  archive: 'archives: unpack them, or choose those in .tar by the layout "shards"',
  outside: 'images that are in no class folder',
  unlabelled: 'images without class folders or labels',
  companion: 'masks and thumbnails of other images',
  unlisted: 'images that no list of a part names',
  'no class': 'images to which no table gives a class',
  folder: 'folders that are not a part of the data set',
  part: 'a part that has another folder already',
  layout: 'files of another layout',
  'broken link': 'links to files that are not there',
  loop: 'links to a folder that contains them',
  'second link': 'links to folders that are read already',
  special: 'not regular files',
  member: 'members of samples that are not the image or the label',
  'no image': 'samples without an image',
} as const;

/** Reason for which files are not used. */
export type UnusedKind = keyof typeof REASONS;

/** Kinds that belong to almost every folder: nothing is lost with them. */
const HARMLESS: ReadonlySet<UnusedKind> = new Set(['system', 'other', 'nameless', 'archive', 'member']);

/** Files that a data set leaves unused for one reason. */
export interface UnusedFiles {
  readonly kind: UnusedKind;
  /** The reason in words. */
  readonly reason: string;
  /** Number of files, links and system folders. */
  readonly count: number;
  /** First few paths, relative to the data set. */
  readonly examples: readonly string[];
  /** Number of files for each extension, most frequent first. */
  readonly extensions: readonly { readonly extension: string; readonly count: number }[];
  /** True if such files may be images that are missed. */
  readonly isLoss: boolean;
}

/** Number of paths that are named. */
const EXAMPLES = 3;

interface Entry {
  count: number;
  readonly examples: string[];
  readonly extensions: Map<string, number>;
}

/** Account of one data set. */
export class Account {
  /** Lines about how the content was understood, where another meaning is possible. */
  readonly notes: string[] = [];
  readonly #entries = new Map<UnusedKind, Entry>();

  /** Counts one file. @param path relative to the data set. */
  add(kind: UnusedKind, path: string): void {
    const entry = this.#entries.get(kind) ?? { count: 0, examples: [], extensions: new Map<string, number>() };
    this.#entries.set(kind, entry);
    entry.count += 1;
    if (entry.examples.length < EXAMPLES) entry.examples.push(readableName(path));
    const extension = readableName(extensionOf(path));
    if (extension !== '') entry.extensions.set(extension, (entry.extensions.get(extension) ?? 0) + 1);
  }

  /** Takes out a file that is used, such as a list. @param path relative to the data set, as it was counted. */
  use(path: string): void {
    const entry = this.#entries.get('other');
    if (entry === undefined) return;
    const extension = readableName(extensionOf(path));
    const place = entry.examples.indexOf(readableName(path));
    if (place >= 0) entry.examples.splice(place, 1);
    entry.count -= 1;
    entry.extensions.set(extension, (entry.extensions.get(extension) ?? 0) - 1);
    if (entry.extensions.get(extension) === 0) entry.extensions.delete(extension);
    if (entry.count === 0) this.#entries.delete('other');
  }

  /** Counts the entries of a folder that are never used. */
  addLeft({ left }: Folder, below: string): void {
    for (const { name, kind } of left) this.add(kind, below + name);
  }

  /** Counts files directly in a folder. @param images reason for the images among them. */
  addFiles({ files }: Pick<Folder, 'files'>, below: string, images: UnusedKind): void {
    for (const name of files) {
      const kind = fileKind(name);
      this.add(kind === 'image' ? images : kind, below + name);
    }
  }

  /** Counts every file in a folder and below it. @param kind reason for the images among them. */
  addAll(folder: Folder, below: string, kind: UnusedKind, seen: Set<string> = new Set()): void {
    if (seen.has(folder.real)) return;
    seen.add(folder.real);
    this.addLeft(folder, below);
    this.addFiles(folder, below, kind);
    for (const { name, folder: child, isLink } of folder.folders) {
      if (isLink) this.add(kind, below + name);
      else this.addAll(child, `${below}${name}/`, kind, seen);
    }
  }

  get unused(): UnusedFiles[] {
    return [...this.#entries].map(([kind, { count, examples, extensions }]) => ({
      kind,
      reason: REASONS[kind],
      count,
      examples,
      extensions: [...extensions]
        .sort(([, a], [, b]) => b - a)
        .map(([extension, images]) => ({ extension, count: images })),
      isLoss: !HARMLESS.has(kind),
    }));
  }
}
