/** Draws numbers on canvases. */

/** Draws RGB values [height, width, 3]: `low` is black, `high` white. */
export function drawRgb(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  { width, height, low, high }: { width: number; height: number; low: number; high: number },
): void {
  drawPixels(canvas, width, height, (i) => {
    const level = (c: number) => (255 * (values[3 * i + c]! - low)) / (high - low);
    return [level(0), level(1), level(2)];
  });
}

/** Anchors of the viridis colour map, from 0 to the maximum. */
const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

interface MapOptions {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly channel: number;
  /** Value of the brightest colour. */
  readonly maximum: number;
}

/** Draws one channel of a feature map [height, width, channels] in viridis, from 0 to `maximum`. */
export function drawMap(
  canvas: HTMLCanvasElement,
  map: ArrayLike<number>,
  { width, height, channels, channel, maximum }: MapOptions,
): void {
  drawPixels(canvas, width, height, (i) => {
    const share = maximum > 0 ? Math.max(0, map[i * channels + channel]!) / maximum : 0;
    const place = share * (VIRIDIS.length - 1);
    const index = Math.min(Math.floor(place), VIRIDIS.length - 2);
    const from = VIRIDIS[index]!;
    const to = VIRIDIS[index + 1]!;
    return from.map((level, c) => level + (to[c]! - level) * (place - index));
  });
}

function drawPixels(canvas: HTMLCanvasElement, width: number, height: number, colour: (i: number) => number[]): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...colour(i), 255], 4 * i);
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
