/** Drawn images to train on: six shapes of varied place, size, angle and colour. Each image has an address (class, number). */
import { randomStream } from '@vgg/core';
import type { ImageBatch } from '@vgg/train';

/** Side of the images in pixels. */
export const SIDE = 32;
const PIXELS = SIDE * SIDE * 3;
const SEED = 1;

/** Largest change of a pixel's value by noise. */
const NOISE = 12;

type Draw = (context: OffscreenCanvasRenderingContext2D) => void;

function polygon(context: OffscreenCanvasRenderingContext2D, radii: readonly number[], corners: number): void {
  context.beginPath();
  for (let i = 0; i < corners; i++) {
    const angle = (2 * Math.PI * i) / corners;
    const radius = radii[i % radii.length]!;
    context.lineTo(radius * Math.cos(angle), radius * Math.sin(angle));
  }
  context.fill();
}

/** Drawing of each class, in the circle of radius 1 around the origin. */
const DRAWINGS: Readonly<Record<string, Draw>> = {
  disc(context) {
    context.beginPath();
    context.arc(0, 0, 0.9, 0, 2 * Math.PI);
    context.fill();
  },
  ring(context) {
    context.lineWidth = 0.32;
    context.beginPath();
    context.arc(0, 0, 0.76, 0, 2 * Math.PI);
    context.stroke();
  },
  square: (context) => context.fillRect(-0.72, -0.72, 1.44, 1.44),
  triangle: (context) => polygon(context, [1], 3),
  star: (context) => polygon(context, [1, 0.4], 10),
  cross(context) {
    context.fillRect(-0.24, -0.95, 0.48, 1.9);
    context.fillRect(-0.95, -0.24, 1.9, 0.48);
  },
};

export const CLASSES: readonly string[] = Object.keys(DRAWINGS);

/** Images in RGB from 0 to 255, row-major, and their classes. */
export interface DrawnImages {
  readonly pixels: Uint8ClampedArray;
  readonly labels: Int32Array;
}

/** Draws `count` images from number `first` on. The classes take turns. */
export function drawImages(first: number, count: number): DrawnImages {
  const context = new OffscreenCanvas(SIDE, SIDE).getContext('2d', { willReadFrequently: true })!;
  const pixels = new Uint8ClampedArray(count * PIXELS);
  const labels = Int32Array.from({ length: count }, (_, i) => (first + i) % CLASSES.length);
  for (let i = 0; i < count; i++) pixels.set(drawImage(context, labels[i]!, first + i), i * PIXELS);
  return { pixels, labels };
}

function drawImage(context: OffscreenCanvasRenderingContext2D, label: number, number: number): Uint8ClampedArray {
  const random = randomStream(SEED, 'drawn', label, number);
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const colour = (lightness: number) => `hsl(${between(0, 360)} ${between(10, 70)}% ${lightness}%)`;
  const isLight = random.uniform() < 0.5;
  const radius = between(7, 12);
  context.resetTransform();
  context.fillStyle = colour(isLight ? between(15, 40) : between(60, 85));
  context.fillRect(0, 0, SIDE, SIDE);
  context.translate(between(radius, SIDE - radius), between(radius, SIDE - radius));
  context.rotate(between(0, 2 * Math.PI));
  context.scale(radius, radius);
  context.fillStyle = colour(isLight ? between(60, 85) : between(15, 40));
  context.strokeStyle = context.fillStyle;
  DRAWINGS[CLASSES[label]!]!(context);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Uint8ClampedArray.from(
    { length: PIXELS },
    (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]! + between(-NOISE, NOISE),
  );
}

/** Returns the batches of the images at `order`. Pixel values of 0 to 255 become numbers of about -1 to 1. */
export function* batchesOf(
  { pixels, labels }: DrawnImages,
  order: ArrayLike<number>,
  size: number,
): Generator<ImageBatch> {
  for (let from = 0; from < order.length; from += size) {
    const places = Array.from({ length: Math.min(size, order.length - from) }, (_, i) => order[from + i]!);
    const images = new Float32Array(places.length * PIXELS);
    places.forEach((place, i) => {
      for (let p = 0; p < PIXELS; p++) images[i * PIXELS + p] = (pixels[place * PIXELS + p]! - 127.5) / 127.5;
    });
    const own = Int32Array.from(places, (place) => labels[place]!);
    yield { images, labels: own, size: places.length, height: SIDE, width: SIDE };
  }
}

/** Returns the pixels of one image. */
export function pixelsOf({ pixels }: DrawnImages, place: number): Uint8ClampedArray {
  return pixels.subarray(place * PIXELS, (place + 1) * PIXELS);
}
