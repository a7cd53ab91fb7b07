/** Gives the images of a source one by one and whole, as the evaluation protocols of section 3.2 need them. */
import type { RawImage } from '../image';
import type { AsyncImageSource } from '../source';
import { decodeImage } from './decode';

/** A labelled image that is decoded on demand. */
export interface ImageItem {
  readonly key: string;
  readonly label: number;
  /**
   * Decodes the whole image. A large image is reduced if the caller will rescale it to a smallest side of `minSide`.
   * @throws VggError `VGG_IMAGE` if the image is unusable.
   */
  load(minSide?: number): Promise<RawImage>;
}

/** Yields the images of a source, in its order. */
export function* imageItems(source: AsyncImageSource): Generator<ImageItem> {
  for (let i = 0; i < source.length; i++) {
    const key = source.key(i);
    const load = async (minSide?: number) => decodeImage(await source.location(i), { name: key, minSide });
    yield { key, label: source.label(i), load };
  }
}
