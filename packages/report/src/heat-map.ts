/**
 * Heat maps of `@vgg/eval` as files: over the image, from dark, the map's lowest value, to bright, its highest. The range of a map is
 * often narrow, so a map on the scale from 0 to 1 would be a flat tint; a legend gives its ends.
 */
import { longerSide, type RawImage, type TrainTransform } from '@vgg/data';
import { type ClassMap, drawClassMap, heatColour, type MapMethod } from '@vgg/eval';
import sharp, { type Sharp } from 'sharp';

/** Number of positions along the smallest side at which a class map locates an object well. */
const POSITIONS = 8;

/**
 * Returns test scales for a map. Grad-CAM has a position every 16 pixels, so it works at the scales of training. The dense evaluation
 * has one every 32 pixels, so at those scales a class map may have a single position. It takes scales with eight positions along the
 * smallest side, or fewer for a small crop: up to three times the crop, since an object that is much larger than in training is not
 * recognised. Occlusion takes one scale: it costs about a hundred passes. A rectangular crop counts by its longer side.
 */
export function heatMapScales(transform: Pick<TrainTransform, 'crop'>, method: MapMethod): readonly number[] {
  const crop = longerSide(transform.crop);
  const between = Math.round(1.5 * crop);
  if (method === 'occlusion') return [between];
  if (method === 'grad-cam') return [crop, between, 2 * crop];
  return [...new Set([2 * crop, Math.max(2 * crop, Math.min(3 * crop, crop + (POSITIONS - 1) * 32))])];
}

/** Returns an image within `side` x `side`; a smaller one is enlarged. */
async function resized({ data, width, height }: RawImage, side: number): Promise<RawImage> {
  const { data: pixels, info } = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: side, height: side, fit: 'inside' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: pixels, width: info.width, height: info.height };
}

function sharpOf({ data, width, height }: RawImage): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/**
 * Draws a map over its image.
 *
 * @param side longer side of the result in pixels. A smaller image is enlarged.
 * @returns the result, ready to be written in any format.
 */
export async function heatMapOver(image: RawImage, map: ClassMap, side: number): Promise<Sharp> {
  return sharpOf(drawClassMap(await resized(image, side), map));
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
  '-': ['...', '...', '###', '...', '...'],
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

/** Returns the value of a map as text: probabilities in %, Grad-CAM as a plain number. */
export function mapValue({ method }: Pick<ClassMap, 'method'>, value: number): string {
  return method === 'grad-cam' ? value.toFixed(2) : `${(100 * value).toFixed(1)} %`;
}

/** Draws the legend of a map, `width` pixels wide: its colours between its lowest and its highest value. */
function legend(map: ClassMap, width: number): { svg: Buffer; height: number } {
  const size = Math.max(2, Math.round(width / 300));
  const [rim, strip] = [3 * size, 11 * size];
  const text = (value: number, x: number) => drawText(mapValue(map, value), x, rim, size);
  const [first, last] = [text(map.low, rim), text(map.high, 0)];
  const bar = { x: first.width + 2 * rim, width: Math.max(1, width - first.width - last.width - 4 * rim) };
  const stops = Array.from({ length: 11 }, (_, i) => {
    return `<stop offset="${i / 10}" stop-color="rgb(${heatColour(i / 10).join(',')})"/>`;
  }).join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${strip}"><defs><linearGradient id="g">${stops}</linearGradient></defs><rect width="100%" height="100%" fill="#fff"/><rect x="${bar.x}" y="${rim}" width="${bar.width}" height="${5 * size}" fill="url(#g)"/>${first.svg}${text(map.high, width - rim - last.width).svg}</svg>`;
  return { svg: Buffer.from(svg), height: strip };
}

/** Number of pixels between an image and its map. */
const GAP = 8;

/**
 * Draws an image, its map over it, and a legend below them.
 *
 * @param side longer side of the image in pixels. A smaller image is enlarged.
 * @returns the result, ready to be written in any format.
 */
export async function heatMapSheet(image: RawImage, map: ClassMap, side: number): Promise<Sharp> {
  const original = await resized(image, side);
  const { width, height } = original;
  const across = 2 * width + GAP;
  const { svg, height: strip } = legend(map, across);
  const part = async (drawn: RawImage, left: number) => ({
    input: await sharpOf(drawn).png().toBuffer(),
    left,
    top: 0,
  });
  const parts = [await part(original, 0), await part(drawClassMap(original, map), width + GAP)];
  return sharp({ create: { width: across, height: height + strip, channels: 3, background: '#fff' } })
    .composite([...parts, { input: svg, left: 0, top: height }])
    .removeAlpha();
}
