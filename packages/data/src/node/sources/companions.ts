/** Recognises images that describe other images: masks of segmentation data, and thumbnails (docs/decisions/0196). */
import { isImageName } from './files';
import type { Child } from './tree';

/** Name of a mask or a thumbnail without its extension: `12_mask`, `benign (3)_mask_1`, `12-thumb`. */
const NAME = /^(.+?)[ _.-](masks?|seg(mentation)?|gt|ground_?truth|thumb(nail)?)([ _-]?\d+)?$/i;

const FOLDER = /^(masks?|segmentations?|ground[ _-]?truths?|gt|thumbs?|thumbnails?)$/i;

/** Name of the folder of the images themselves. */
const IMAGES = /^(images?|imgs?|photos?|original(s|_images)?)$/i;

const stemOf = (name: string) => name.slice(0, name.lastIndexOf('.'));

/** Returns the images among the files of a folder that are named after another image there: `12_mask.png` after `12.jpg`. */
export function companionsAmong(files: readonly string[]): ReadonlySet<string> {
  const named = files.flatMap((file) => {
    const original = isImageName(file) ? NAME.exec(stemOf(file))?.[1] : undefined;
    return original === undefined ? [] : [{ file, original }];
  });
  if (named.length === 0) return new Set();
  const stems = new Set(files.filter(isImageName).map(stemOf));
  return new Set(named.filter(({ original }) => stems.has(original)).map(({ file }) => file));
}

/** Returns the folders in a class folder that hold masks or thumbnails: those so named next to a folder `images`. */
export function companionFolders(folders: readonly Child[]): ReadonlySet<Child> {
  const found = folders.filter(({ name }) => FOLDER.test(name));
  return new Set(folders.some(({ name }) => IMAGES.test(name)) ? found : []);
}
