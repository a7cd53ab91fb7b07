/** Conversion of CMYK to RGB, the same as Pillow's: without a profile, as torchvision and Caffe's tools do it too. */

/** Returns `a * b / 255`, rounded. */
function product(a: number, b: number): number {
  const sum = a * b + 128;
  return ((sum >> 8) + sum) >> 8;
}

/** Converts ink values, 255 for full ink, to RGB. https://github.com/python-pillow/Pillow: `cmyk2rgb` in Convert.c */
export function rgbOfCmyk(inks: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((inks.length / 4) * 3);
  for (let from = 0, to = 0; from < inks.length; from += 4, to += 3) {
    const white = 255 - inks[from + 3]!;
    for (let i = 0; i < 3; i++) rgb[to + i] = white - product(inks[from + i]!, white);
  }
  return rgb;
}
