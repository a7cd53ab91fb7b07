/** A source's images one by one and whole, as the evaluation protocols of section 3.2 take them. */
import type { RawImage } from '../image';
import type { ImageSource } from '../source';
import { decodeImage } from './decode';

/** A labelled image that is not decoded before it is asked for. */
export interface ImageItem {
  readonly key: string;
  readonly label: number;
  /**
   * The whole image, large enough to be rescaled to a smallest side of `minSide`.
   * @throws VggError `VGG_IMAGE` when it cannot be used.
   */
  load(minSide?: number): Promise<RawImage>;
}

/** The images of a source, in its order. */
export function* imageItems(source: ImageSource): Generator<ImageItem> {
  for (let i = 0; i < source.length; i++) {
    const key = source.key(i);
    const location = source.location(i);
    yield { key, label: source.label(i), load: (minSide) => decodeImage(location, key, minSide) };
  }
}
