/**
 * Data set to try things out with, without a download: ten classes of drawn shapes and textures, as JPEG files in class folders. Position, size, angle,
 * colours, background and image size vary, so that a linear classifier on pixels fails. Every choice is addressed by (seed,
 * class, number), so all machines draw the same images.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type RandomStream, randomStream, VggError } from '@vgg/core';
import { fileError, isProcessAlive } from '@vgg/core/node';
import sharp from 'sharp';

/** Version of the drawings: folders of another version are drawn again. */
const VERSION = 1;

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
export const DEMO_IMAGES: DemoImagesOptions = { train: 120, validation: 20, seed: 1 };

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

/** Returns two colours that differ much in lightness; which is lighter is random, so that colour does not show the class. */
function colours(stream: RandomStream): { figure: string; background: string; clutter: string } {
  const hue = () => Math.floor(stream.uniform() * 360);
  const lightFigure = stream.uniform() < 0.5;
  const light = `hsl(${hue()},${Math.round(between(stream, 30, 90))}%,${Math.round(between(stream, 65, 85))}%)`;
  const dark = `hsl(${hue()},${Math.round(between(stream, 30, 90))}%,${Math.round(between(stream, 15, 35))}%)`;
  const clutter = `hsl(${hue()},40%,50%)`;
  return lightFigure ? { figure: light, background: dark, clutter } : { figure: dark, background: light, clutter };
}

/** Returns a shaded background with a few thin lines. */
function background(width: number, height: number, fill: string, clutter: string, stream: RandomStream): string {
  const shade = `<linearGradient id="g" gradientTransform="rotate(${Math.round(stream.uniform() * 360)} 0.5 0.5)"><stop offset="0" stop-color="${fill}"/><stop offset="1" stop-color="${clutter}"/></linearGradient>`;
  const lines = Array.from({ length: 4 }, () => {
    const end = () => `${(stream.uniform() * width).toFixed(1)},${(stream.uniform() * height).toFixed(1)}`;
    return `<polyline points="${end()} ${end()}" stroke="${clutter}" stroke-width="${between(stream, 0.5, 2).toFixed(1)}" fill="none"/>`;
  });
  return `<defs>${shade}</defs><rect width="${width}" height="${height}" fill="url(#g)"/>${lines.join('')}`;
}

/** Returns the image with this address as SVG. */
function drawing(name: string, classIndex: number, number: number, seed: number): string {
  const stream = randomStream(seed, 'demo', classIndex, number);
  const width = Math.round(between(stream, 72, 128));
  const height = Math.round(between(stream, 72, 128));
  const side = Math.min(width, height);
  const radius = side * between(stream, 0.2, 0.34);
  const palette = colours(stream);
  const pose: Pose = {
    width,
    height,
    x: width / 2 + between(stream, -0.12, 0.12) * side,
    y: height / 2 + between(stream, -0.12, 0.12) * side,
    radius,
    angle: stream.uniform() * 360,
    colour: palette.figure,
    stream,
  };
  const behind = background(width, height, palette.background, palette.clutter, stream);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${behind}${CLASSES[name]!(pose)}</svg>`;
}

interface Part {
  name: string;
  /** Number of the first image, and the number of images. */
  first: number;
  count: number;
}

async function drawClass(
  folder: string,
  { name, first, count }: Part,
  seed: number,
  signal?: AbortSignal,
): Promise<void> {
  const classIndex = DEMO_CLASSES.indexOf(name);
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  for (let i = 0; i < count && !signal?.aborted; i++) {
    const svg = Buffer.from(drawing(name, classIndex, first + i, seed));
    const jpeg = await sharp(svg).flatten().jpeg({ quality: 88 }).toBuffer();
    await writeFile(join(home, `${String(i).padStart(4, '0')}.jpg`), jpeg);
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
