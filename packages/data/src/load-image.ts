/** Images in browsers, from wherever they come: addresses, files, bytes, canvases. In Node: `loadImage` of `@vgg/data/node`. */
import { VggError } from '@vgg/core';
import { invalidDataUrl, shownAddress } from './address';
import type { RawImage } from './image';
import { imageOf, isPixelData, notAnImage, type Pixels } from './pixels';

/** Image that a browser can decode or draw. A text is an address, also relative to the page. */
export type BrowserImage =
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | Blob
  | Pixels
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement;

/** Options of `loadImage` in browsers. */
export interface LoadImageOptions {
  /** Signal that stops the download of an address. */
  readonly signal?: AbortSignal | undefined;
}

/** Longest side of a decoded image in a browser, in pixels. Larger ones are scaled down first. */
const LONGEST = 4096;

/** Decodes a file by the browser, with its EXIF orientation and without its colour profile. */
async function bitmapOf(file: Blob, name: string): Promise<ImageBitmap> {
  if (typeof createImageBitmap !== 'function') {
    throw new VggError('state', 'only browsers decode images by loadImage of @vgg/data: in Node use @vgg/data/node');
  }
  return createImageBitmap(file, { colorSpaceConversion: 'none' }).catch((cause) => {
    throw new VggError('image', `this browser cannot read ${name} as an image: try a JPEG or a PNG`, { cause });
  });
}

async function fetchBlob(address: string | URL, signal: AbortSignal | undefined): Promise<Blob> {
  const response = await fetch(address, { signal: signal ?? null }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    if (/^data:/i.test(String(address))) throw invalidDataUrl(address, cause);
    throw new VggError('io', `${address} cannot be fetched: check the address and the connection`, { cause });
  });
  if (response.ok) return response.blob();
  throw new VggError('io', `${address} cannot be fetched: the server answers ${response.status}`);
}

function sizeOf(drawable: Exclude<CanvasImageSource, SVGImageElement | VideoFrame>): { width: number; height: number } {
  if ('naturalWidth' in drawable) return { width: drawable.naturalWidth, height: drawable.naturalHeight };
  if ('videoWidth' in drawable) return { width: drawable.videoWidth, height: drawable.videoHeight };
  return { width: drawable.width, height: drawable.height };
}

/** Draws something over white and returns its pixels. */
function drawn(drawable: Exclude<CanvasImageSource, SVGImageElement | VideoFrame>): RawImage {
  const size = sizeOf(drawable);
  if (!(size.width > 0 && size.height > 0)) {
    throw new VggError('image', `the image has ${size.width}x${size.height} pixels: wait until it is loaded`);
  }
  const shrink = Math.min(1, LONGEST / Math.max(size.width, size.height));
  const width = Math.max(1, Math.round(size.width * shrink));
  const height = Math.max(1, Math.round(size.height * shrink));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.drawImage(drawable, 0, 0, width, height);
  return imageOf(context.getImageData(0, 0, width, height));
}

/**
 * Loads an image in a browser: of an address, a file or Blob, encoded bytes, `ImageData` or other pixels, an `ImageBitmap`, an
 * image or video element, a canvas. Transparency becomes white. Images with a side above 4096 pixels are scaled down to it.
 * @throws VggError `VGG_IMAGE` for what the browser cannot decode; `VGG_IO` for an address that cannot be fetched; `VGG_ARGUMENT`
 *   for an invalid data URL, or anything else than an image.
 */
export async function loadImage(image: BrowserImage, { signal }: LoadImageOptions = {}): Promise<RawImage> {
  if (isPixelData(image)) return imageOf(image);
  const isAddress = typeof image === 'string' || image instanceof URL;
  const isBytes = image instanceof Uint8Array || image instanceof ArrayBuffer;
  const file = isAddress ? await fetchBlob(image, signal) : isBytes ? new Blob([image as BlobPart]) : image;
  if (file instanceof Blob) {
    const bitmap = await bitmapOf(file, isAddress ? shownAddress(image) : ((file as Partial<File>).name ?? 'the file'));
    try {
      return drawn(bitmap);
    } finally {
      bitmap.close();
    }
  }
  if (typeof file === 'object' && file !== null && ('width' in file || 'videoWidth' in file)) return drawn(file);
  throw notAnImage(image, 'an address, a Blob, bytes, ImageData, an ImageBitmap, an element or a canvas');
}
