/** Keeps runs out of the folders of images, where they would be taken for classes. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { VggError } from '@vgg/core';

/** Returns a path without links, of which the last folders may not exist yet. */
function realPath(path: string): string {
  if (existsSync(path) || dirname(path) === path) return existsSync(path) ? realpathSync(path) : path;
  return join(realPath(dirname(path)), basename(path));
}

/**
 * Checks that a new folder does not lie among images.
 * @param data the images: a folder, or another name, which is not checked.
 * @throws VggError `VGG_ARGUMENT` if it does.
 */
export function checkOutside(out: string, data: string | undefined): void {
  if (data === undefined || !existsSync(data)) return;
  const place = relative(realPath(resolve(data)), realPath(resolve(out)));
  if (isAbsolute(place) || place === '..' || place.startsWith(`..${sep}`)) return;
  throw new VggError(
    'argument',
    `the run folder ${resolve(out)} lies in the folder of the images, ${resolve(data)}: choose --out in another folder`,
  );
}
