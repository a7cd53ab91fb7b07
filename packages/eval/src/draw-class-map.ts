/** Drawing of maps: colours from dark, the map's lowest value, to bright, its highest, over the image. */
import type { RawImage } from '@vgg/data';
import type { ClassMap } from './map';

/** Colours of matplotlib's `inferno` (CC0) in steps of a tenth: perceptually even, and readable in grey too. */
const INFERNO = ['000004', '160b39', '420a68', '6a176e', '932667', 'bc3754', 'dd513a', 'f37819', 'fca50a', 'f6d746']
  .concat('fcffa4')
  .map((hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));

/** Opacity of the map over the image. */
const COVER = 0.55;

/** Returns the colour of a value, 0 to 1, as RGB, 0 to 255. */
export function heatColour(value: number): number[] {
  const place = clamp(value, 1) * (INFERNO.length - 1);
  const low = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[low]!.map((channel, i) => channel + (INFERNO[low + 1]![i]! - channel) * (place - low));
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
  return row(top) * (top + 1 - v) + row(bottom) * (v - top);
}

/** Draws a map over its image, which has any size, by the map's own range. */
export function drawClassMap({ data, width, height }: RawImage, map: ClassMap): RawImage {
  const { low, high, method } = map;
  // Probabilities that span less than 1 % are noise, which must not look like a place.
  const span = Math.max(high - low, method === 'grad-cam' ? Number.MIN_VALUE : 0.01);
  const drawn = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = heatColour((sample(map, (x + 0.5) / width, (y + 0.5) / height) - low) / span);
      const at = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) drawn[at + c] = Math.round(data[at + c]! * (1 - COVER) + colour[c]! * COVER);
    }
  }
  return { data: drawn, width, height };
}
