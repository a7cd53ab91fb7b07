/** Images of the visitor, which the net names while it learns. They do not leave the browser. */
import { VggError } from '@vgg/core';
import { type DrawnImages, SIDE } from './drawn-images';

/** Largest number of images; older ones give way. */
const MOST = 12;

export const NO_IMAGES: DrawnImages = { pixels: new Uint8ClampedArray(), labels: new Int32Array() };

/**
 * Returns the images with that of a file in addition: its centre square, resized to the size of the drawn images.
 * @throws VggError `VGG_IMAGE` for a file that the browser cannot decode.
 */
export async function withImage({ pixels, labels }: DrawnImages, file: File): Promise<DrawnImages> {
  let image: ImageBitmap;
  try {
    image = await createImageBitmap(file);
  } catch (error) {
    throw new VggError('image', `${file.name} is not an image that this browser decodes`, { cause: error });
  }
  const side = Math.min(image.width, image.height);
  const context = new OffscreenCanvas(SIDE, SIDE).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.fillStyle = 'white';
  context.fillRect(0, 0, SIDE, SIDE);
  context.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  image.close();
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const own = Uint8ClampedArray.from({ length: 3 * SIDE * SIDE }, (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]!);
  const kept = pixels.subarray(labels.length < MOST ? 0 : own.length);
  return {
    pixels: Uint8ClampedArray.of(...kept, ...own),
    labels: new Int32Array(Math.min(MOST, labels.length + 1)),
  };
}
