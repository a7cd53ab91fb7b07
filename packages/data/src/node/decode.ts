/**
 * Decodes images. Of an encoded image it decodes only the pixels that a crop needs. Baseline JPEG is decoded by our own module
 * (docs/decisions/0015) and small PNG by pngjs (docs/decisions/0204), to the same pixels as by sharp, which decodes everything else
 * (docs/decisions/0010) but BMP and PNM (docs/decisions/0132).
 *
 * The result is 8-bit RGB as stored: embedded colour profiles are ignored, as in Caffe and torchvision. Grey is repeated in all
 * channels, CMYK is converted as in Pillow, 16 bits are cut to the upper 8, transparency is laid over white, and the EXIF orientation is
 * applied. Of an animation the first frame is decoded.
 */
import { misplaced, VggError } from '@vgg/core';
import sharp, { type Sharp } from 'sharp';
import type { RawImage, Size, Window } from '../image';
import { rescaledSize } from '../rescale';
import type { ImageLocation } from '../source';
import type { Geometry } from '../transform';
import { decodeBaseline } from './baseline';
import { bmpSize, decodeBmp, isBmp } from './bmp';
import { readableName } from './byte-names';
import { rgbOfCmyk } from './cmyk';
import { type CropPlan, planCrop, writeCrop } from './crop-plan';
import { readJpegHeader } from './jpeg';
import { decodePng, smallPngSize } from './png';
import { decodePnm, isPnm, pnmSize } from './pnm';
import { isPixels, readEncoded, readPixels } from './read';
import type { BytePart } from './resample-bytes';

sharp.cache(false);
sharp.concurrency(1);

/** Limits of usable images. Images outside them are refused with `VGG_IMAGE`. */
export const IMAGE_LIMITS = {
  /** Smallest side, in pixels. */
  minimumSide: 4,
  /** Longest side, in pixels. */
  maximumSide: 16_384,
  /** Number of pixels. */
  maximumPixels: 120_000_000,
  /** Longest side divided by smallest side. */
  maximumAspect: 32,
} as const;

/**
 * Reduction of large images by libvips, which decodes JPEG at 1/2 to 1/8 of its size for this purpose. An image whose smallest
 * side is at least `factor` times the side that is needed is reduced to `gap` times that side. The antialiased triangle filter
 * does the last factor of two.
 */
const REDUCTION = { factor: 6, gap: 2 } as const;

const FORMATS: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif', 'avif'];

interface Header extends Size {
  readonly orientation: number;
  readonly jpeg: boolean;
  readonly cmyk: boolean;
  /** False for a JPEG file without an end-of-image marker: only a whole decoding shows whether pixels are missing. */
  readonly complete: boolean;
}

/** Returns the first line of an error's message, without the prefixes of sharp. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]!.replace(/^Input (buffer|file) |[\s:]+$/g, '');
}

function unusable(name: string, reason: string, cause?: unknown): VggError {
  return new VggError('image', `${name}: ${reason}`, { cause, details: { image: name, reason } });
}

/** Reads the header of a JPEG file. Returns `undefined` if another reader must look at the file. */
function readJpeg(bytes: Buffer, name: string): Header | undefined {
  if (bytes.length === 0) throw unusable(name, 'the file is empty');
  const jpeg = readJpegHeader(bytes);
  if (jpeg === undefined) return undefined;
  const cmyk = jpeg.components === 4;
  return { ...headerOf(jpeg, jpeg.orientation), jpeg: true, cmyk, complete: jpeg.complete };
}

/**
 * Decodes a BMP or PNM file, which sharp cannot. Returns `undefined` for other files.
 * @throws VggError `VGG_IMAGE` if its size is beyond the limits; Error if it is damaged.
 */
function decodeBitmap(bytes: Buffer, name: string, maxPixels?: number): RawImage | undefined {
  if (isBmp(bytes)) {
    checkLimits(bmpSize(bytes), name, maxPixels);
    return decodeBmp(bytes);
  }
  if (isPnm(bytes)) {
    checkLimits(pnmSize(bytes), name, maxPixels);
    return decodePnm(bytes);
  }
  return undefined;
}

/** Brands of HEIC files: the HEVC codec in the HEIF container. */
const HEVC = /^ftyp(hei[cxms]|hev[cxms])/;

/** Returns the error for a file that sharp cannot read. */
function unreadable(bytes: Buffer, name: string, error: unknown): VggError {
  if (HEVC.test(bytes.toString('latin1', 4, 12))) {
    return unusable(name, 'HEIC (HEVC) is not decoded by this build of libvips: convert it to JPEG', error);
  }
  return unusable(name, misplaced(bytes) ?? reasonOf(error), error);
}

async function readHeader(bytes: Buffer, name: string): Promise<Header> {
  const metadata = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw unreadable(bytes, name, error);
    });
  if (!FORMATS.includes(metadata.format))
    throw unusable(name, `${metadata.format} is not a supported format (${FORMATS.join(', ')}): convert it`);
  return { ...headerOf(metadata, metadata.orientation ?? 1), cmyk: metadata.space === 'cmyk' };
}

/** Returns a header with the size after the EXIF orientation is applied. Orientations 5 to 8 exchange width and height. */
function headerOf({ width, height }: Size, orientation: number): Header {
  const isTurned = orientation >= 5;
  const size = isTurned ? { width: height, height: width } : { width, height };
  return { ...size, orientation, jpeg: false, cmyk: false, complete: true };
}

function checkLimits({ width, height }: Size, name: string, maxPixels: number = IMAGE_LIMITS.maximumPixels): void {
  const shortest = Math.min(width, height);
  const longest = Math.max(width, height);
  const { minimumSide, maximumSide, maximumAspect } = IMAGE_LIMITS;
  if (shortest < minimumSide)
    throw unusable(name, `${width}x${height} is too small: each side needs ${minimumSide} pixels or more`);
  if (longest > maximumSide)
    throw unusable(name, `${width}x${height} is too large: each side may have ${maximumSide} pixels or fewer`);
  if (width * height > maxPixels) throw unusable(name, `${width}x${height} is more than ${maxPixels} pixels`);
  if (longest > shortest * maximumAspect) throw unusable(name, `${width}x${height} is longer than ${maximumAspect}:1`);
}

/** Returns the size to which libvips reduces an image of `size` that will be rescaled to `smallestSide`. */
function reducedSize(size: Size, smallestSide: number): Size {
  const isLarge = Math.min(size.width, size.height) >= REDUCTION.factor * smallestSide;
  return isLarge ? rescaledSize(size, REDUCTION.gap * smallestSide) : size;
}

/** Largest number of pixels that our own module decodes: it never returns memory. */
const MODULE_PIXELS = 4_000_000;

/**
 * Does the same as {@link decodeWindow} for JPEG files that our own module can decode. Returns `undefined` for others. The
 * pixels are valid until the next call.
 */
function decodeByModule(bytes: Buffer, header: Header, size: Size, window: Window): Uint8Array | undefined {
  const isSuitable = header.jpeg && header.complete && header.orientation === 1 && size.width === header.width;
  return isSuitable && window.width * window.height <= MODULE_PIXELS ? decodeBaseline(bytes, window) : undefined;
}

/** Decodes a small PNG file whose smallest side is not to be reduced. Returns `undefined` for others. */
function decodeSmallPng(bytes: Buffer, name: string, side = Number.POSITIVE_INFINITY): RawImage | undefined {
  const size = smallPngSize(bytes);
  if (size === undefined || reducedSize(size, side) !== size) return undefined;
  checkLimits(size, name);
  return decodePng(bytes);
}

/** Decodes `window` of the image after it is reduced to `size`. */
async function decodeWindow(bytes: Buffer, header: Header, size: Size, window: Window): Promise<Uint8Array> {
  let pipeline: Sharp = sharp(bytes, { ignoreIcc: true, failOn: 'truncated', limitInputPixels: false });
  if (header.orientation > 1) pipeline = pipeline.autoOrient();
  if (size.width !== header.width) {
    pipeline = pipeline.resize(size.width, size.height, { fit: 'fill', kernel: 'lanczos3' });
  }
  if (window.width !== size.width || window.height !== size.height) pipeline = pipeline.extract(window);
  if (!header.jpeg && !header.cmyk) pipeline = pipeline.flatten({ background: '#ffffff' });
  // Otherwise libvips would convert CMYK by a profile of its own.
  pipeline = header.cmyk ? pipeline.pipelineColourspace('cmyk').toColourspace('cmyk') : pipeline.toColourspace('srgb');
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
  if (info.width !== window.width || info.height !== window.height) {
    throw new Error(`expected ${window.width}x${window.height} pixels, got ${info.width}x${info.height}`);
  }
  if (header.cmyk && info.channels === 4) return rgbOfCmyk(data);
  if (info.channels === 3) return data;
  if (info.channels === 1) return repeatGrey(data);
  throw new Error(`expected 3 channels, got ${info.channels}`);
}

/**
 * Decodes a JPEG file without an end-of-image marker. As in Pillow and libvips, it can be used if no pixels are missing.
 * @throws VggError `VGG_IMAGE` if pixels are missing.
 */
async function decodeWhole(bytes: Buffer, header: Header, name: string): Promise<RawImage> {
  const { width, height } = header;
  try {
    return { data: await decodeWindow(bytes, header, header, { left: 0, top: 0, width, height }), width, height };
  } catch (error) {
    throw unusable(name, `the JPEG file is truncated: ${reasonOf(error)}`, error);
  }
}

function repeatGrey(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(grey[i]!, i * 3, i * 3 + 3);
  return rgb;
}

/** Does the work. Converts errors that are not VggErrors into one that names the image. */
function withImageName<T>(name: string, work: () => T | Promise<T>): T | Promise<T> {
  const addName = (error: unknown) => (error instanceof VggError ? error : unusable(name, reasonOf(error), error));
  try {
    const result = work();
    return result instanceof Promise ? result.catch((error) => Promise.reject(addName(error))) : result;
  } catch (error) {
    throw addName(error);
  }
}

/** Options of {@link decodeImage}. */
export interface DecodeOptions {
  /** Name of the image in error messages. Default its path, or `the image`. */
  readonly name?: string | undefined;
  /**
   * Smallest side to which the caller will rescale the image, in pixels. An image whose smallest side is at least six times as
   * long is reduced to twice that. Default: no reduction.
   */
  readonly minSide?: number | undefined;
}

/**
 * Decodes a whole image.
 * @param image place of the image, or its encoded bytes.
 * @param options a text is the name of the image in error messages.
 * @throws VggError `VGG_IMAGE` with the name and the reason if the image is unusable; `VGG_IO` if its file is gone or the disk
 *   fails; `VGG_ARGUMENT` for anything else than an image.
 */
export async function decodeImage(
  image: ImageLocation | Uint8Array,
  options: string | DecodeOptions = {},
  minSide = typeof options === 'string' ? undefined : options.minSide,
): Promise<RawImage> {
  const location = locationOf(image);
  const name = (typeof options === 'string' ? options : options.name) ?? nameOf(location);
  return decodeLocated(location, name, minSide);
}

function locationOf(image: ImageLocation | Uint8Array): ImageLocation {
  if (image instanceof Uint8Array) return { kind: 'bytes', data: image };
  const kind: unknown = image?.kind;
  if ((KINDS as readonly unknown[]).includes(kind)) return image;
  const got =
    typeof image === 'string' ? `the text "${image}"` : typeof image === 'object' ? `the kind ${kind}` : image;
  throw new VggError(
    'argument',
    `expected the bytes of an image or a location of kind ${KINDS.join(', ')}, got ${got}: loadImage takes paths and URLs`,
  );
}

const KINDS = ['file', 'bytes', 'range', 'planes', 'pixels'] as const satisfies ImageLocation['kind'][];

function nameOf(location: ImageLocation): string {
  return 'path' in location ? readableName(location.path) : 'the image';
}

async function decodeLocated(location: ImageLocation, name: string, minSide: number | undefined): Promise<RawImage> {
  return await withImageName(name, async () => {
    if (isPixels(location)) return readPixels(location);
    const bytes = Buffer.from(readEncoded(location));
    const bitmap = decodeBitmap(bytes, name);
    if (bitmap) return bitmap;
    const png = decodeSmallPng(bytes, name, minSide);
    if (png) return png;
    const header = readJpeg(bytes, name) ?? (await readHeader(bytes, name));
    checkLimits(header, name);
    if (!header.complete) return decodeWhole(bytes, header, name);
    const { width, height } = minSide === undefined ? header : reducedSize(header, minSide);
    const window = { left: 0, top: 0, width, height };
    const pixels = decodeByModule(bytes, header, window, window);
    return { data: pixels?.slice() ?? (await decodeWindow(bytes, header, window, window)), width, height };
  });
}

/**
 * Decodes an image and writes one crop of it to `out` at `offset`. Returns a promise only if sharp decodes the image.
 * @param name name of the image in error messages.
 * @param geometryOf called with the size of the image; returns the crop to make.
 * @param maxPixels largest number of pixels of an encoded image. Default that of {@link IMAGE_LIMITS}.
 * @throws VggError as {@link decodeImage}.
 */
export function decodeInto(
  out: Float32Array,
  offset: number,
  location: ImageLocation,
  name: string,
  geometryOf: (size: Size) => Geometry,
  maxPixels?: number,
): void | Promise<void> {
  return withImageName(name, () => {
    if (isPixels(location)) return writeWhole(readPixels(location));
    const bytes = readEncoded(location);
    const bitmap = decodeBitmap(bytes, name, maxPixels);
    if (bitmap) return writeWhole(bitmap);
    const png = smallPngPart(bytes);
    if (png) return writeCrop(out, offset, ...png);
    const header = readJpeg(bytes, name);
    if (header?.complete === false) return decodeIncomplete(Buffer.from(bytes), header);
    const plan = header && planOf(header, geometryOf, { name, maxPixels });
    const pixels = plan && decodeByModule(bytes, header, plan.size, plan.window);
    if (pixels) return writeCrop(out, offset, partOf(pixels, plan), plan);
    return decodeBySharp(Buffer.from(bytes), header, plan);
  });

  function writeWhole({ data, width, height }: RawImage): void {
    writeCrop(out, offset, { data, width, left: 0, top: 0 }, planOf({ width, height }, geometryOf));
  }

  /** Decodes a small PNG file that is not to be reduced. */
  function smallPngPart(bytes: Buffer): [BytePart, CropPlan] | undefined {
    const size = smallPngSize(bytes);
    const plan = size && planOf(size, geometryOf, { name, maxPixels });
    const image = plan && plan.size === size ? decodePng(bytes) : undefined;
    return image && [{ data: image.data, width: image.width, left: 0, top: 0 }, plan!];
  }

  async function decodeIncomplete(bytes: Buffer, header: Header): Promise<void> {
    checkLimits(header, name, maxPixels);
    writeWhole(await decodeWhole(bytes, header, name));
  }

  async function decodeBySharp(bytes: Buffer, jpeg?: Header, jpegPlan?: CropPlan): Promise<void> {
    const header = jpeg ?? (await readHeader(bytes, name));
    const plan = jpegPlan ?? planOf(header, geometryOf, { name, maxPixels });
    writeCrop(out, offset, partOf(await decodeWindow(bytes, header, plan.size, plan.window), plan), plan);
  }
}

/** An encoded image, which has limits and may be reduced. */
interface Encoded {
  readonly name: string;
  readonly maxPixels: number | undefined;
}

/** @param encoded Default: the image is not encoded. */
function planOf(image: Size, geometryOf: (size: Size) => Geometry, encoded?: Encoded): CropPlan {
  if (encoded !== undefined) checkLimits(image, encoded.name, encoded.maxPixels);
  const geometry = geometryOf(image);
  const { rescaled } = geometry;
  const size = encoded === undefined ? image : reducedSize(image, Math.min(rescaled.width, rescaled.height));
  return planCrop(size, geometry);
}

function partOf(data: Uint8Array, { window: { left, top, width } }: CropPlan): BytePart {
  return { data, left, top, width };
}
