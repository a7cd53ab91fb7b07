/**
 * Decoding, of an encoded image only the pixels that a crop needs: by sharp (docs/decisions/0010), plain baseline JPEG to the
 * same pixels by our own module (0015).
 *
 * Everything becomes 8-bit RGB as stored: embedded colour profiles are ignored, as in Caffe and torchvision. Grey is
 * repeated, CMYK converted, 16 bits cut to the upper 8, transparency laid over white, EXIF orientation applied; of an
 * animation the first frame is taken.
 */
import { VggError } from '@vgg/core';
import sharp, { type Sharp } from 'sharp';
import { erase } from '../erasing';
import type { RawImage, Size, Window } from '../image';
import { type Axis, span } from '../resample';
import { rescaledSize } from '../rescale';
import type { ImageLocation } from '../source';
import type { Geometry } from '../transform';
import { decodeBaseline } from './baseline';
import { readJpegHeader } from './jpeg';
import { readEncoded, readPixels } from './read';
import { axisOf, type BytePart, resampleBytes } from './resample';

sharp.cache(false);
sharp.concurrency(1);

/** Images outside these limits are refused: `VGG_IMAGE`. */
export const IMAGE_LIMITS = {
  /** Smallest side, in pixels. */
  minimumSide: 4,
  /** Longest side, in pixels. */
  maximumSide: 16_384,
  /** Pixels in all. */
  maximumPixels: 120_000_000,
  /** Longest side over smallest. */
  maximumAspect: 32,
} as const;

/**
 * An image whose smallest side is at least `FACTOR` times the one asked for is first reduced to `GAP` times it by libvips,
 * which decodes JPEG at 1/2 to 1/8 for that: the antialiased triangle filter still has the last factor of two to itself.
 */
const REDUCTION = { factor: 6, gap: 2 } as const;

const FORMATS: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif', 'avif'];

interface Header extends Size {
  readonly orientation: number;
  readonly jpeg: boolean;
}

/** What went wrong, on one line, without the library's prefixes. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]!.replace(/^Input (buffer|file) /, '');
}

function unusable(name: string, reason: string, cause?: unknown): VggError {
  return new VggError('image', `${name}: ${reason}`, { cause, details: { image: name, reason } });
}

/** The header of a JPEG file; `undefined` for what may be something else. */
function readJpeg(bytes: Buffer, name: string): Header | undefined {
  if (bytes.length === 0) throw unusable(name, 'the file is empty');
  const jpeg = readJpegHeader(bytes);
  if (jpeg?.complete === false) throw unusable(name, 'the JPEG file is truncated: it has no end-of-image marker');
  return jpeg && oriented(jpeg, jpeg.orientation, true);
}

async function readHeader(bytes: Buffer, name: string): Promise<Header> {
  const metadata = await sharp(bytes, { limitInputPixels: false }).metadata();
  if (!FORMATS.includes(metadata.format)) throw unusable(name, `${metadata.format} is not a photograph's format`);
  return oriented(metadata, metadata.orientation ?? 1, false);
}

function oriented({ width, height }: Size, orientation: number, jpeg: boolean): Header {
  return orientation >= 5 ? { width: height, height: width, orientation, jpeg } : { width, height, orientation, jpeg };
}

function checkLimits({ width, height }: Size, name: string): void {
  const shortest = Math.min(width, height);
  const longest = Math.max(width, height);
  const { minimumSide, maximumSide, maximumPixels, maximumAspect } = IMAGE_LIMITS;
  if (shortest < minimumSide) throw unusable(name, `${width}x${height} is too small: sides start at ${minimumSide}`);
  if (longest > maximumSide) throw unusable(name, `${width}x${height} is too large: sides end at ${maximumSide}`);
  if (width * height > maximumPixels) throw unusable(name, `${width}x${height} is more than ${maximumPixels} pixels`);
  if (longest > shortest * maximumAspect) throw unusable(name, `${width}x${height} is longer than ${maximumAspect}:1`);
}

/** The size to which libvips reduces an image of `size` when `smallestSide` is what is wanted in the end. */
function reducedSize(size: Size, smallestSide: number): Size {
  const reduce = Math.min(size.width, size.height) >= REDUCTION.factor * smallestSide;
  return reduce ? rescaledSize(size, REDUCTION.gap * smallestSide) : size;
}

/** Beyond this many pixels the memory that the quick way would hold on to is not worth it. */
const QUICK_PIXELS = 4_000_000;

/** The same as {@link decodeWindow} for the JPEG files that need no sharp; valid until the next call. */
function decodeQuickly(bytes: Buffer, header: Header, size: Size, window: Window): Uint8Array | undefined {
  const suits = header.jpeg && header.orientation === 1 && size.width === header.width;
  return suits && window.width * window.height <= QUICK_PIXELS ? decodeBaseline(bytes, window) : undefined;
}

/** Decodes `window` of the image once it is reduced to `size`. */
async function decodeWindow(bytes: Buffer, header: Header, size: Size, window: Window): Promise<Uint8Array> {
  let pipeline: Sharp = sharp(bytes, { ignoreIcc: true, failOn: 'truncated', limitInputPixels: false });
  if (header.orientation > 1) pipeline = pipeline.autoOrient();
  if (size.width !== header.width) {
    pipeline = pipeline.resize(size.width, size.height, { fit: 'fill', kernel: 'lanczos3' });
  }
  if (window.width !== size.width || window.height !== size.height) pipeline = pipeline.extract(window);
  if (!header.jpeg) pipeline = pipeline.flatten({ background: '#ffffff' });
  const { data, info } = await pipeline.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  if (info.width !== window.width || info.height !== window.height) {
    throw new Error(`expected ${window.width}x${window.height} pixels, got ${info.width}x${info.height}`);
  }
  if (info.channels === 3) return data;
  if (info.channels === 1) return repeatGrey(data);
  throw new Error(`expected 3 channels, got ${info.channels}`);
}

function repeatGrey(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(grey[i]!, i * 3, i * 3 + 3);
  return rgb;
}

/** Passes VggErrors on and turns all else into one that names the image. */
function naming<T>(name: string, work: () => T | Promise<T>): T | Promise<T> {
  const named = (error: unknown) => (error instanceof VggError ? error : unusable(name, reasonOf(error), error));
  try {
    const result = work();
    return result instanceof Promise ? result.catch((error) => Promise.reject(named(error))) : result;
  } catch (error) {
    throw named(error);
  }
}

/**
 * Decodes a whole image. Where `minSide` is given and the image is at least six times that, it comes reduced to twice
 * `minSide`: enough to rescale it from.
 * @param name what an error calls it.
 * @throws VggError `VGG_IMAGE`, naming the image and the reason.
 */
export async function decodeImage(location: ImageLocation, name: string, minSide?: number): Promise<RawImage> {
  return await naming(name, async () => {
    if (location.kind === 'planes' || location.kind === 'pixels') return readPixels(location);
    const bytes = Buffer.from(readEncoded(location));
    const header = readJpeg(bytes, name) ?? (await readHeader(bytes, name));
    checkLimits(header, name);
    const { width, height } = minSide === undefined ? header : reducedSize(header, minSide);
    const [size, window] = [
      { width, height },
      { left: 0, top: 0, width, height },
    ];
    const quick = decodeQuickly(bytes, header, size, window);
    return { data: quick?.slice() ?? (await decodeWindow(bytes, header, size, window)), width, height };
  });
}

/**
 * Decodes what `geometryOf` the image's size asks for, and writes that crop to `out` at `offset`: at once, without a promise,
 * where nothing has to be waited for.
 * @throws VggError `VGG_IMAGE`, naming the image and the reason.
 */
export function decodeInto(
  out: Float32Array,
  offset: number,
  location: ImageLocation,
  name: string,
  geometryOf: (size: Size) => Geometry,
): void | Promise<void> {
  return naming(name, () => {
    if (location.kind === 'planes' || location.kind === 'pixels') {
      const { data, width, height } = readPixels(location);
      return write(out, offset, { data, width, left: 0, top: 0 }, planOf({ width, height }, geometryOf));
    }
    const bytes = readEncoded(location);
    const header = readJpeg(bytes, name);
    const plan = header && planOf(header, geometryOf, name);
    const quick = plan && decodeQuickly(bytes, header, plan.size, plan.window);
    if (quick) return write(out, offset, partOf(quick, plan), plan);
    return decodeSlowly(Buffer.from(bytes), header, plan);
  });

  async function decodeSlowly(bytes: Buffer, jpeg?: Header, jpegPlan?: Plan): Promise<void> {
    const header = jpeg ?? (await readHeader(bytes, name));
    const plan = jpegPlan ?? planOf(header, geometryOf, name);
    write(out, offset, partOf(await decodeWindow(bytes, header, plan.size, plan.window), plan), plan);
  }
}

/** How a crop comes out of an image. */
interface Plan {
  readonly geometry: Geometry;
  /** Of the whole image when it is decoded. */
  readonly size: Size;
  readonly horizontal: Axis;
  readonly vertical: Axis;
  /** What the axes read. */
  readonly window: Window;
}

/** @param name of an encoded image, which has limits and may be decoded smaller. */
function planOf(image: Size, geometryOf: (size: Size) => Geometry, name?: string): Plan {
  if (name !== undefined) checkLimits(image, name);
  const geometry = geometryOf(image);
  const { rescaled, window } = geometry;
  const size = name === undefined ? image : reducedSize(image, Math.min(rescaled.width, rescaled.height));
  const horizontal = axisOf(size.width, rescaled.width, window.left, window.width);
  const vertical = axisOf(size.height, rescaled.height, window.top, window.height);
  const [left, right] = span(horizontal);
  const [top, bottom] = span(vertical);
  return { geometry, size, horizontal, vertical, window: { left, top, width: right - left, height: bottom - top } };
}

function partOf(data: Uint8Array, { window: { left, top, width } }: Plan): BytePart {
  return { data, left, top, width };
}

/** The crop of a part of an image, erased where it is to be. */
function write(out: Float32Array, offset: number, part: BytePart, { horizontal, vertical, geometry }: Plan): void {
  const { flip, shift, erased, window } = geometry;
  resampleBytes(out, offset, part, horizontal, vertical, flip, shift);
  if (erased !== null) erase(out, offset, window.width, erased);
}
