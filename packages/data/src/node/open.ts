/** Opens a data set on disk, whichever layout it has. */
import { join } from 'node:path';
import type { ImageSource } from '../source';
import { listFolder } from './sources/files';
import { openClassFolders } from './sources/folders';

/** A data set: its training part, its validation part, either of which it may lack. */
export interface DataSet {
  readonly layout: string;
  readonly classes: readonly string[];
  readonly train?: ImageSource;
  readonly validation?: ImageSource;
}

/** Opens class folders, with `train/` and `val/` above them or without. */
export async function openSource(path: string): Promise<DataSet> {
  const { folders } = await listFolder(path);
  if (!folders.includes('train')) {
    const train = await openClassFolders(path);
    return { layout: 'class folders', classes: train.classes, train };
  }
  const train = await openClassFolders(join(path, 'train'));
  const { classes } = train;
  if (!folders.includes('val')) return { layout: 'class folders', classes, train };
  const validation = await openClassFolders(join(path, 'val'), classes);
  return { layout: 'class folders', classes, train, validation };
}
