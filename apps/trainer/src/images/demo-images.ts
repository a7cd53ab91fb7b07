/**
 * The demo's own data set: ten classes of drawn shapes and textures, as JPEG files in class folders. Position, size,
 * angle, colours, background and the picture's own size vary, so that no single pixel tells the class and a linear
 * classifier fails; everything is addressed by (seed, class, number), so every machine draws the same pictures.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type RandomStream, randomStream, VggError } from '@vgg/core';
import { fileError, systemCode } from '@vgg/core/node';
import sharp from 'sharp';

/** Changes whenever the same seed would draw other pictures: an older folder is then drawn anew. */
const VERSION = 1;

/** Ends the name of the folder that is drawn in, which names its process. */
const PART = '.part';

export interface DemoImagesOptions {
  /** Pictures per class for training. */
  train: number;
  /** Pictures per class for validation. */
  validation: number;
  seed: number;
}

/** The images that the demo trains on; the training itself is `recipes/demo.yaml`. */
export const DEMO_IMAGES: DemoImagesOptions = { train: 120, validation: 20, seed: 1 };

/** A picture's random choices, common to all classes. */
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

/** A figure around the origin, placed by the pose. */
function placed({ x, y, angle, colour }: Pose, figure: string): string {
  return `<g transform="translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${angle.toFixed(1)})" fill="${colour}" stroke="none">${figure}</g>`;
}

/** A repeated tile clipped to the figure's disc: a texture tells its class by its pattern, not by its outline. */
function textured(pose: Pose, size: number, tile: string): string {
  const { x, y, radius, angle, colour } = pose;
  const pattern = `<pattern id="p" width="${size}" height="${size}" patternUnits="userSpaceOnUse" patternTransform="rotate(${angle.toFixed(1)})"><g fill="${colour}" stroke="${colour}">${tile}</g></pattern>`;
  return `<defs>${pattern}</defs><circle cx="${x.toFixed(2)}" cy="${y.toFixed(2)}" r="${(radius * 1.15).toFixed(2)}" fill="url(#p)"/>`;
}

function tileSize(pose: Pose): number {
  return Math.round(pose.radius * between(pose.stream, 0.35, 0.55));
}

/** One drawing per class, by class name. */
const CLASSES: Readonly<Record<string, Drawing>> = {
  disc: (pose) => placed(pose, `<ellipse rx="${pose.radius}" ry="${pose.radius * between(pose.stream, 0.8, 1)}"/>`),
  ring: (pose) =>
    placed(
      pose,
      `<circle r="${pose.radius * 0.8}" fill="none" stroke="${pose.colour}" stroke-width="${pose.radius * between(pose.stream, 0.25, 0.4)}"/>`,
    ),
  square: (pose) => {
    const side = pose.radius * 1.5;
    return placed(pose, `<rect x="${-side / 2}" y="${-side / 2}" width="${side}" height="${side}"/>`);
  },
  triangle: (pose) => placed(pose, `<polygon points="${regularPolygon(3, [pose.radius])}"/>`),
  star: (pose) => placed(pose, `<polygon points="${regularPolygon(10, [pose.radius, pose.radius * 0.42])}"/>`),
  cross: (pose) => {
    const arm = pose.radius * between(pose.stream, 0.45, 0.6);
    const long = pose.radius * 1.9;
    const bar = (w: number, h: number) => `<rect x="${-w / 2}" y="${-h / 2}" width="${w}" height="${h}"/>`;
    return placed(pose, bar(arm, long) + bar(long, arm));
  },
  crescent: (pose) => {
    const r = pose.radius;
    return placed(pose, `<path d="M0,${-r} A${r},${r} 0 1 1 0,${r} A${r * 0.75},${r} 0 1 0 0,${-r} Z"/>`);
  },
  stripes: (pose) => {
    const size = tileSize(pose);
    return textured(pose, size, `<rect width="${size}" height="${size / 2}" stroke="none"/>`);
  },
  checks: (pose) => {
    const size = tileSize(pose) * 1.3;
    const half = size / 2;
    const cell = (x: number) => `<rect x="${x}" y="${x}" width="${half}" height="${half}" stroke="none"/>`;
    return textured(pose, size, cell(0) + cell(half));
  },
  dots: (pose) => {
    const size = tileSize(pose);
    return textured(pose, size, `<circle cx="${size / 2}" cy="${size / 2}" r="${size * 0.3}" stroke="none"/>`);
  },
};

export const DEMO_CLASSES: readonly string[] = Object.keys(CLASSES).sort();

/** Two colours far apart in lightness, either one the lighter: colour says nothing about the class. */
function colours(stream: RandomStream): { figure: string; background: string; clutter: string } {
  const hue = () => Math.floor(stream.uniform() * 360);
  const lightFigure = stream.uniform() < 0.5;
  const light = `hsl(${hue()},${Math.round(between(stream, 30, 90))}%,${Math.round(between(stream, 65, 85))}%)`;
  const dark = `hsl(${hue()},${Math.round(between(stream, 30, 90))}%,${Math.round(between(stream, 15, 35))}%)`;
  const clutter = `hsl(${hue()},40%,50%)`;
  return lightFigure ? { figure: light, background: dark, clutter } : { figure: dark, background: light, clutter };
}

/** A shaded background with a few thin lines across it. */
function background(width: number, height: number, fill: string, clutter: string, stream: RandomStream): string {
  const shade = `<linearGradient id="g" gradientTransform="rotate(${Math.round(stream.uniform() * 360)} 0.5 0.5)"><stop offset="0" stop-color="${fill}"/><stop offset="1" stop-color="${clutter}"/></linearGradient>`;
  const lines = Array.from({ length: 4 }, () => {
    const end = () => `${(stream.uniform() * width).toFixed(1)},${(stream.uniform() * height).toFixed(1)}`;
    return `<polyline points="${end()} ${end()}" stroke="${clutter}" stroke-width="${between(stream, 0.5, 2).toFixed(1)}" fill="none"/>`;
  });
  return `<defs>${shade}</defs><rect width="${width}" height="${height}" fill="url(#g)"/>${lines.join('')}`;
}

/** The picture at an address, as SVG. */
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
  /** The first picture's number, and how many there are. */
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

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/** Removes what processes that were killed while they drew have left. */
async function removeLeftOvers(folder: string): Promise<void> {
  const [home, start] = [dirname(folder), `${basename(folder)}.`];
  for (const name of await readdir(home).catch(() => [])) {
    const pid = Number(name.startsWith(start) && name.endsWith(PART) ? name.slice(start.length, -PART.length) : '');
    if (pid > 0 && !isRunning(pid)) await rm(join(home, name), { recursive: true, force: true });
  }
}

/**
 * Makes `folder/train/<class>/*.jpg` and `folder/val/<class>/*.jpg`, unless the folder already holds exactly these.
 * Drawn beside and renamed, so that an interrupted run leaves nothing half done. Returns whether anything was drawn.
 * @param signal once raised, nothing is made and what was drawn is removed.
 * @throws VggError `VGG_IO` when `folder` exists and was not made by this function: it is never touched.
 */
export async function makeDemoImages(
  folder: string,
  options: DemoImagesOptions,
  signal?: AbortSignal,
): Promise<boolean> {
  const wanted = JSON.stringify({ version: VERSION, ...options });
  const label = join(folder, 'demo.json');
  const present = await readFile(label, 'utf8').catch(() => undefined);
  if (present === wanted) return false;
  if (present === undefined && existsSync(folder)) {
    throw new VggError('io', `the demo's images go to ${folder}, but something else is there: move it away`);
  }

  await removeLeftOvers(folder);
  const drawn = `${folder}.${process.pid}${PART}`;
  const { train, validation, seed } = options;
  try {
    await Promise.all(
      DEMO_CLASSES.flatMap((name) => [
        drawClass(join(drawn, 'train'), { name, first: 0, count: train }, seed, signal),
        drawClass(join(drawn, 'val'), { name, first: train, count: validation }, seed, signal),
      ]),
    );
    if (signal?.aborted) return false;
    await writeFile(join(drawn, 'demo.json'), wanted);
    await rm(folder, { recursive: true, force: true });
    await rename(drawn, folder);
    return true;
  } catch (cause) {
    throw cause instanceof VggError ? cause : fileError('draw the images in', folder, cause);
  } finally {
    await rm(drawn, { recursive: true, force: true });
  }
}
