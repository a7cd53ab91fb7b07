/**
 * Data set to try things out with, without a download: ten classes of drawn shapes and textures, as JPEG files in class
 * folders. Position, size, angle, colours, background, noise and image size vary, so that a linear classifier on pixels fails.
 * A figure fills most of an image's smaller side, as the objects of ImageNet do, and may lie anywhere along the longer one, so that
 * a single centre crop misses a part of some figures. Backgrounds are nearly grey (docs/decisions/0155, 0185). Every choice is addressed by (seed, class,
 * number), so all machines draw the same images.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type RandomStream, randomStream, VggError } from '@vgg/core';
import { fileError, isProcessAlive } from '@vgg/core/node';
import sharp from 'sharp';

/** Version of the drawings: folders of another version are drawn again. */
const VERSION = 3;

/** Ending of the temporary folder's name, which contains the number of the process that draws in it. */
const PART = '.part';

/** Size of the data set and its random seed. */
export interface DemoImagesOptions {
  /** Training images per class. */
  train: number;
  /** Validation images per class. */
  validation: number;
  seed: number;
}

/** The images that the trainer's demo trains on. */
export const DEMO_IMAGES: DemoImagesOptions = { train: 150, validation: 40, seed: 1 };

/** Random choices of an image that are common to all classes. */
interface Pose {
  width: number;
  height: number;
  /** Centre and circumscribed radius of the figure, in pixels. */
  x: number;
  y: number;
  radius: number;
  /** Degrees. */
  angle: number;
  colour: string;
  stream: RandomStream;
}

type Drawing = (pose: Pose) => string;

function between(stream: RandomStream, low: number, high: number): number {
  return low + (high - low) * stream.uniform();
}

function regularPolygon(corners: number, radii: readonly number[]): string {
  const points = Array.from({ length: corners }, (_, i) => {
    const angle = (2 * Math.PI * i) / corners - Math.PI / 2;
    const radius = radii[i % radii.length]!;
    return `${(radius * Math.cos(angle)).toFixed(2)},${(radius * Math.sin(angle)).toFixed(2)}`;
  });
  return points.join(' ');
}

/** Places a figure that is drawn around the origin. */
function place({ x, y, angle, colour }: Pose, figure: string): string {
  return `<g transform="translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${angle.toFixed(1)})" fill="${colour}" stroke="none">${figure}</g>`;
}

/** Fills a disc with a repeated tile: the class of a texture shows in its pattern, not in its outline. */
function texture(pose: Pose, size: number, tile: string): string {
  const { x, y, radius, angle, colour } = pose;
  const pattern = `<pattern id="p" width="${size}" height="${size}" patternUnits="userSpaceOnUse" patternTransform="rotate(${angle.toFixed(1)})"><g fill="${colour}" stroke="${colour}">${tile}</g></pattern>`;
  return `<defs>${pattern}</defs><circle cx="${x.toFixed(2)}" cy="${y.toFixed(2)}" r="${(radius * 1.15).toFixed(2)}" fill="url(#p)"/>`;
}

function tileSize(pose: Pose): number {
  return Math.round(pose.radius * between(pose.stream, 0.35, 0.55));
}

/** Drawing of each class. */
const CLASSES: Readonly<Record<string, Drawing>> = {
  disc: (pose) => place(pose, `<ellipse rx="${pose.radius}" ry="${pose.radius * between(pose.stream, 0.8, 1)}"/>`),
  ring: (pose) =>
    place(
      pose,
      `<circle r="${pose.radius * 0.8}" fill="none" stroke="${pose.colour}" stroke-width="${pose.radius * between(pose.stream, 0.25, 0.4)}"/>`,
    ),
  square: (pose) => {
    const side = pose.radius * 1.5;
    return place(pose, `<rect x="${-side / 2}" y="${-side / 2}" width="${side}" height="${side}"/>`);
  },
  triangle: (pose) => place(pose, `<polygon points="${regularPolygon(3, [pose.radius])}"/>`),
  star: (pose) => place(pose, `<polygon points="${regularPolygon(10, [pose.radius, pose.radius * 0.42])}"/>`),
  cross: (pose) => {
    const arm = pose.radius * between(pose.stream, 0.45, 0.6);
    const long = pose.radius * 1.9;
    const bar = (w: number, h: number) => `<rect x="${-w / 2}" y="${-h / 2}" width="${w}" height="${h}"/>`;
    return place(pose, bar(arm, long) + bar(long, arm));
  },
  crescent: (pose) => {
    const r = pose.radius;
    return place(pose, `<path d="M0,${-r} A${r},${r} 0 1 1 0,${r} A${r * 0.75},${r} 0 1 0 0,${-r} Z"/>`);
  },
  stripes: (pose) => {
    const size = tileSize(pose);
    return texture(pose, size, `<rect width="${size}" height="${size / 2}" stroke="none"/>`);
  },
  checks: (pose) => {
    const size = tileSize(pose) * 1.3;
    const half = size / 2;
    const cell = (x: number) => `<rect x="${x}" y="${x}" width="${half}" height="${half}" stroke="none"/>`;
    return texture(pose, size, cell(0) + cell(half));
  },
  dots: (pose) => {
    const size = tileSize(pose);
    return texture(pose, size, `<circle cx="${size / 2}" cy="${size / 2}" r="${size * 0.3}" stroke="none"/>`);
  },
};

export const DEMO_CLASSES: readonly string[] = Object.keys(CLASSES).sort();

/** Returns a nearly grey background and a lighter or darker figure; which is random, so that colour does not show the class. */
function colours(stream: RandomStream): { figure: string; background: string; clutter: string } {
  const hsl = (saturation: readonly [number, number], lightness: number) => {
    const hue = Math.floor(stream.uniform() * 360);
    return `hsl(${hue},${Math.round(between(stream, ...saturation))}%,${Math.round(lightness)}%)`;
  };
  const side = stream.uniform() < 0.5 ? 1 : -1;
  const background = hsl([5, 20], between(stream, 44, 56));
  const figure = hsl([20, 80], 50 + side * between(stream, 18, 36));
  return { figure, background, clutter: hsl([25, 25], between(stream, 40, 60)) };
}

/** Returns a shaded background with a few thin lines and small discs. */
function background(width: number, height: number, fill: string, clutter: string, stream: RandomStream): string {
  const shade = `<linearGradient id="g" gradientTransform="rotate(${Math.round(stream.uniform() * 360)} 0.5 0.5)"><stop offset="0" stop-color="${fill}"/><stop offset="1" stop-color="${clutter}"/></linearGradient>`;
  const lines = Array.from({ length: 4 }, () => {
    const end = () => `${(stream.uniform() * width).toFixed(1)},${(stream.uniform() * height).toFixed(1)}`;
    return `<polyline points="${end()} ${end()}" stroke="${clutter}" stroke-width="${between(stream, 0.5, 2).toFixed(1)}" fill="none"/>`;
  });
  const discs = Array.from({ length: 3 }, () => {
    const x = stream.uniform() * width;
    const y = stream.uniform() * height;
    return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${between(stream, 2, 7).toFixed(1)}" fill="${clutter}"/>`;
  });
  return `<defs>${shade}</defs><rect width="${width}" height="${height}" fill="url(#g)"/>${lines.join('')}${discs.join('')}`;
}

/** Ratios of the longer to the shorter side of an image. */
const ASPECTS = [1, 1.25, 1.5] as const;
/** Largest change of a pixel's value by noise. */
const NOISE = 16;

/** Drawing of an image before its noise is added. */
interface DemoDrawing {
  width: number;
  height: number;
  /** Elements of the SVG image behind the figure. */
  behind: string;
  /** Elements of the figure. */
  figure: string;
  stream: RandomStream;
}

/** Returns elements as an SVG image. */
export function svgOf({ width, height }: Pick<DemoDrawing, 'width' | 'height'>, elements: string): Buffer {
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${elements}</svg>`);
}

/** Returns the drawing with this address. */
export function demoDrawing(name: string, number: number, seed: number): DemoDrawing {
  const classIndex = DEMO_CLASSES.indexOf(name);
  const stream = randomStream(seed, 'demo', classIndex, number);
  const side = Math.round(between(stream, 100, 170));
  const long = Math.round(side * ASPECTS[Math.floor(stream.uniform() * ASPECTS.length)]!);
  const isWide = stream.uniform() < 0.5;
  const width = isWide ? long : side;
  const height = isWide ? side : long;
  const radius = side * between(stream, 0.3, 0.46);
  const palette = colours(stream);
  const pose: Pose = {
    width,
    height,
    x: between(stream, radius, width - radius),
    y: between(stream, radius, height - radius),
    radius,
    angle: stream.uniform() * 360,
    colour: palette.figure,
    stream,
  };
  const behind = background(width, height, palette.background, palette.clutter, stream);
  return { width, height, behind, figure: CLASSES[name]!(pose), stream };
}

/** Adds an integer from -NOISE to NOISE to each value. A number of the stream is enough for four of them. */
function addNoise(values: Uint8Array, stream: RandomStream): void {
  let bytes = 0;
  for (let i = 0; i < values.length; i++) {
    bytes = i % 4 === 0 ? stream.uint32() : bytes >>> 8;
    const noise = (((bytes & 0xff) * (2 * NOISE + 1)) >> 8) - NOISE;
    values[i] = Math.min(255, Math.max(0, values[i]! + noise));
  }
}

/** Draws the image with this address. */
async function drawing(name: string, number: number, seed: number): Promise<Buffer> {
  const { width, height, behind, figure, stream } = demoDrawing(name, number, seed);
  const svg = svgOf({ width, height }, behind + figure);
  const { data, info } = await sharp(svg).flatten().raw().toBuffer({ resolveWithObject: true });
  addNoise(data, stream);
  const { channels } = info;
  return sharp(data, { raw: { width, height, channels } }).jpeg({ quality: 75 }).toBuffer();
}

interface Part {
  name: string;
  /** Number of the first image, and the number of images. */
  first: number;
  count: number;
}

/** Returns the file name of the n-th image of a class in its part. */
export function demoFile(n: number): string {
  return `${String(n).padStart(4, '0')}.jpg`;
}

async function drawClass(
  folder: string,
  { name, first, count }: Part,
  seed: number,
  signal?: AbortSignal,
): Promise<void> {
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  for (let i = 0; i < count && !signal?.aborted; i++) {
    const jpeg = await drawing(name, first + i, seed);
    await writeFile(join(home, demoFile(i)), jpeg);
  }
}

/** Removes temporary folders of processes that were killed while drawing. */
async function removeLeftOvers(folder: string): Promise<void> {
  const home = dirname(folder);
  const start = `${basename(folder)}.`;
  for (const name of await readdir(home).catch(() => [])) {
    const pid = Number(name.startsWith(start) && name.endsWith(PART) ? name.slice(start.length, -PART.length) : '');
    if (pid > 0 && !isProcessAlive(pid)) await rm(join(home, name), { recursive: true, force: true });
  }
}

/**
 * Draws `folder/train/<class>/*.jpg` and `folder/val/<class>/*.jpg`, unless the folder already holds exactly these images.
 * It draws in a temporary folder and renames it, so that an interruption leaves nothing incomplete.
 * @param signal stops the drawing and removes what was drawn.
 * @returns true if images were drawn.
 * @throws VggError `VGG_IO` when `folder` exists and was not made by this function: it is never changed.
 */
export async function makeDemoImages(
  folder: string,
  options: DemoImagesOptions,
  signal?: AbortSignal,
): Promise<boolean> {
  const expected = JSON.stringify({ version: VERSION, ...options });
  const label = join(folder, 'demo.json');
  const present = await readFile(label, 'utf8').catch(() => undefined);
  if (present === expected) return false;
  if (present === undefined && existsSync(folder)) {
    throw new VggError('io', `the demo draws its images in ${folder}, but there is something else: move it away`);
  }

  await removeLeftOvers(folder);
  const temporary = `${folder}.${process.pid}${PART}`;
  const { train, validation, seed } = options;
  try {
    await Promise.all(
      DEMO_CLASSES.flatMap((name) => [
        drawClass(join(temporary, 'train'), { name, first: 0, count: train }, seed, signal),
        drawClass(join(temporary, 'val'), { name, first: train, count: validation }, seed, signal),
      ]),
    );
    if (signal?.aborted) return false;
    await writeFile(join(temporary, 'demo.json'), expected);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    return true;
  } catch (cause) {
    throw cause instanceof VggError ? cause : fileError('draw the images in', folder, cause);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
