/** Draws boxes over an image. */
import type { RawImage } from '@vgg/data';
import sharp, { type Sharp } from 'sharp';
import type { Box } from '../box';

/** Box to draw. */
export interface DrawnBox {
  readonly box: Box;
  /** Text at its upper edge, such as a class and its probability. Default none. */
  readonly text?: string | undefined;
}

/** Colours of the boxes, in turn: those of Okabe and Ito, which people with colour blindness can distinguish. */
const COLOURS = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7'] as const;

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

/**
 * Draws boxes over an image, each in its own colour.
 * @param side longer side of the result in pixels. Default that of the image, but at least 320.
 * @returns the result, ready to be written in any format.
 */
export function drawBoxes(image: RawImage, boxes: readonly DrawnBox[], side?: number): Sharp {
  const longer = Math.max(image.width, image.height);
  const factor = (side ?? Math.max(longer, 320)) / longer;
  const width = Math.max(1, Math.round(image.width * factor));
  const height = Math.max(1, Math.round(image.height * factor));
  const stroke = Math.max(2, Math.round(Math.max(width, height) / 200));
  const font = 6 * stroke;
  const elements = boxes.map(({ box, text }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const x = box.left * factor;
    const y = box.top * factor;
    const frame = `<rect x="${x}" y="${y}" width="${box.width * factor}" height="${box.height * factor}" fill="none" stroke="${colour}" stroke-width="${stroke}"/>`;
    if (text === undefined) return frame;
    // A label above the image's edge would be cut off: it then lies inside the box.
    const base = y > 1.4 * font ? y - 0.3 * font : y + 1.1 * font;
    return `${frame}<text x="${Math.max(x, 2)}" y="${base}" font-family="sans-serif" font-size="${font}" fill="${colour}" stroke="#000" stroke-width="${stroke}" paint-order="stroke">${escapeXml(text)}</text>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${elements.reverse().join('')}</svg>`;
  const raw = { width: image.width, height: image.height, channels: 3 as const };
  return sharp(image.data, { raw })
    .resize(width, height)
    .composite([{ input: Buffer.from(svg) }]);
}
