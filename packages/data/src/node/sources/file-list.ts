/** A list of image files that stays small for a million of them: names are kept for each folder, not whole paths. */
import { sep } from 'node:path';
import type { ImageSource } from '../../source';
import { readableName } from '../byte-names';

export class FileList {
  readonly #root: string;
  readonly #names: string[] = [];
  readonly #folders: string[] = [];
  readonly #folderOf: number[] = [];
  readonly #labels: number[] = [];

  /** @param root path of the folder to which the keys are relative. */
  constructor(root: string) {
    this.#root = root.endsWith(sep) ? root : root + sep;
  }

  get length(): number {
    return this.#names.length;
  }

  /** Adds images of one folder. @param folder path relative to the root, empty or with a separator at its end. */
  add(folder: string, names: readonly string[], label: number): void {
    if (names.length === 0) return;
    if (this.#folders.at(-1) !== folder) this.#folders.push(folder);
    for (const name of names) {
      this.#names.push(name);
      this.#folderOf.push(this.#folders.length - 1);
      this.#labels.push(label);
    }
  }

  /** Returns the source of the images so far. */
  source(name: string, classes: readonly string[]): ImageSource {
    const root = this.#root;
    const names = this.#names;
    const folders = this.#folders;
    const folderOf = Uint32Array.from(this.#folderOf);
    const labels = Int32Array.from(this.#labels);
    const path = (index: number) => folders[folderOf[index]!]! + names[index]!;
    return {
      name,
      classes,
      length: names.length,
      label: (index) => labels[index]!,
      key: (index) => readableName(path(index)),
      location: (index) => ({ kind: 'file', path: root + path(index) }),
    };
  }
}
