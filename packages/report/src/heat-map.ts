/**
 * Class map of the dense evaluation, drawn over its image: from dark, the map's lowest probability, to bright, its highest. The
 * range of a map is often narrow, so a map on the scale from 0 to 1 would be a flat tint; a legend gives its ends.
 */
import type { RawImage, TrainTransform } from '@vgg/data';
import type { ClassMap } from '@vgg/eval';
import sharp, { type Sharp } from 'sharp';

/** matplotlib's `inferno` (CC0) in steps of a tenth: perceptually even, and readable in grey too. */
const INFERNO = ['000004', '160b39', '420a68', '6a176e', '932667', 'bc3754', 'dd513a', 'f37819', 'fca50a', 'f6d746']
  .concat('fcffa4')
  .map((hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));

/** Opacity of the map over the image. */
const COVER = 0.55;

/** Returns the colour of a probability, 0 to 1, as RGB, 0 to 255. */
export function heatColour(value: number): number[] {
  const place = Math.min(Math.max(value, 0), 1) * (INFERNO.length - 1);
  const low = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[low]!.map((channel, i) => channel + (INFERNO[low + 1]![i]! - channel) * (place - low));
}

/** Number of positions along the smallest side at which a map locates an object well. */
const POSITIONS = 8;

/**
 * Returns test scales for a map. The dense evaluation has a position every 32 pixels, so the run's own scales may give a single
 * one, and a map without a place. The map has eight positions along its smallest side, or fewer for a small crop: the image is
 * enlarged to three times the crop at most, since an object that is much larger than in training is not recognised.
 */
export function heatMapScales({ crop }: Pick<TrainTransform, 'crop'>): readonly number[] {
  return [...new Set([2 * crop, Math.max(2 * crop, Math.min(3 * crop, crop + (POSITIONS - 1) * 32))])];
}

/** Lowest and highest probability of a map. */
export interface HeatRange {
  readonly low: number;
  readonly high: number;
}

export function heatRange({ data }: Pick<ClassMap, 'data'>): HeatRange {
  return { low: data.reduce((a, b) => Math.min(a, b), 1), high: data.reduce((a, b) => Math.max(a, b), 0) };
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

/** Returns the value at a place of the image, 0 to 1 in both directions, bilinear between the points of the map. */
function sample({ width, height, data }: ClassMap, x: number, y: number): number {
  const u = clamp(x * width - 0.5, width - 1);
  const v = clamp(y * height - 0.5, height - 1);
  const left = Math.floor(u);
  const top = Math.floor(v);
  const right = Math.min(left + 1, width - 1);
  const bottom = Math.min(top + 1, height - 1);
  const row = (r: number) => data[r * width + left]! * (left + 1 - u) + data[r * width + right]! * (u - left);
  return left === right
    ? data[top * width + left]! * (top + 1 - v) + data[bottom * width + left]! * (v - top)
    : row(top) * (top + 1 - v) + row(bottom) * (v - top);
}

/**
 * Draws a class map over its image.
 *
 * @param side longer side of the result in pixels. A smaller image is enlarged.
 * @returns the result, ready to be written in any format.
 */
export async function heatMapOver(image: RawImage, map: ClassMap, side: number): Promise<Sharp> {
  const { data, info } = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize({ width: side, height: side, fit: 'inside' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const { low, high } = heatRange(map);
  // The span is never below 1 %: less is noise, which must not look like a place.
  const span = Math.max(high - low, 0.01);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = heatColour((sample(map, (x + 0.5) / width, (y + 0.5) / height) - low) / span);
      const at = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c]! * (1 - COVER) + colour[c]! * COVER);
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** Characters of the legend as rows of points: a machine may have no fonts. */
const GLYPHS: Readonly<Record<string, readonly string[]>> = {
  0: ['###', '#.#', '#.#', '#.#', '###'],
  1: ['.#.', '##.', '.#.', '.#.', '###'],
  2: ['###', '..#', '###', '#..', '###'],
  3: ['###', '..#', '###', '..#', '###'],
  4: ['#.#', '#.#', '###', '..#', '..#'],
  5: ['###', '#..', '###', '..#', '###'],
  6: ['###', '#..', '###', '#.#', '###'],
  7: ['###', '..#', '..#', '..#', '..#'],
  8: ['###', '#.#', '###', '#.#', '###'],
  9: ['###', '#.#', '###', '..#', '###'],
  '.': ['.', '.', '.', '.', '#'],
  ' ': ['..', '..', '..', '..', '..'],
  '%': ['#.#', '..#', '.#.', '#..', '#.#'],
};

/** Returns SVG rectangles of a text from (x, y), and its width. A point is `size` pixels. */
function drawText(text: string, x: number, y: number, size: number): { svg: string; width: number } {
  let svg = '';
  let at = 0;
  for (const character of text) {
    const rows = GLYPHS[character]!;
    rows.forEach((row, top) => {
      [...row].forEach((point, left) => {
        if (point === '#') {
          svg += `<rect x="${x + (at + left) * size}" y="${y + top * size}" width="${size}" height="${size}"/>`;
        }
      });
    });
    at += rows[0]!.length + 1;
  }
  return { svg, width: (at - 1) * size };
}

/** Adds a legend below a map of `width` pixels: its colours between its lowest and its highest probability. */
export async function withLegend(map: Sharp, { low, high }: HeatRange): Promise<Sharp> {
  const { data, info } = await map.raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const size = Math.max(2, Math.round(width / 200));
  const [rim, strip] = [3 * size, 11 * size];
  const text = (value: number, x: number) => drawText(`${(100 * value).toFixed(1)} %`, x, rim, size);
  const [first, last] = [text(low, rim), text(high, 0)];
  const bar = { x: first.width + 2 * rim, width: width - first.width - last.width - 4 * rim };
  const stops = INFERNO.map((colour, i) => `<stop offset="${i / 10}" stop-color="rgb(${colour.join(',')})"/>`).join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${strip}"><defs><linearGradient id="g">${stops}</linearGradient></defs><rect width="100%" height="100%" fill="#fff"/><rect x="${bar.x}" y="${rim}" width="${Math.max(1, bar.width)}" height="${5 * size}" fill="url(#g)"/>${first.svg}${text(high, width - rim - last.width).svg}</svg>`;
  return sharp(data, { raw: { width, height, channels: 3 } })
    .extend({ bottom: strip, background: '#fff' })
    .composite([{ input: Buffer.from(svg), left: 0, top: height }]);
}
