/** Opens class folders: one folder for each class, named after it, with images at any depth. */
import { join, sep } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { isImageName, listFolder } from './files';

/** Returns the paths of all images below a folder, relative to it, sorted within each folder. */
async function imagesBelow(root: string, below = ''): Promise<string[]> {
  const { folders, files } = await listFolder(join(root, below));
  const images = files.filter(isImageName).map((name) => join(below, name));
  for (const folder of folders) images.push(...(await imagesBelow(root, join(below, folder))));
  return images;
}

/**
 * Opens the images of class folders, sorted by class and path.
 * @param classes names of the classes, if another part of the data set has fixed them. Default: the names of the folders.
 * @throws VggError `VGG_DATASET` if the folder is missing or has no class folders, a class has no images, or a class is not
 *   among `classes`.
 */
export async function openClassFolders(path: string, classes?: readonly string[]): Promise<ImageSource> {
  const { folders } = await listFolder(path);
  if (folders.length === 0) {
    throw new VggError('dataset', `${path} holds no class folders: expected one folder of images for each class`);
  }
  const names = classes ?? folders;
  const paths: string[] = [];
  const labels: number[] = [];
  for (const folder of folders) {
    const label = names.indexOf(folder);
    if (label < 0)
      throw new VggError('dataset', `${join(path, folder)} is a class that the training set does not have`);
    const images = await imagesBelow(join(path, folder));
    if (images.length === 0) {
      throw new VggError('dataset', `the class folder ${join(path, folder)} holds no images: fill it or remove it`);
    }
    for (const image of images) {
      paths.push(join(folder, image));
      labels.push(label);
    }
  }
  return fileSource(path, names, paths, labels);
}

/** Creates a source of the image files at `paths` below `root`. */
export function fileSource(
  root: string,
  classes: readonly string[],
  paths: readonly string[],
  labels: ArrayLike<number>,
): ImageSource {
  const prefix = join(root, sep);
  return {
    name: root,
    classes,
    length: paths.length,
    label: (index) => labels[index]!,
    key: (index) => paths[index]!,
    location: (index) => ({ kind: 'file', path: prefix + paths[index]! }),
  };
}
