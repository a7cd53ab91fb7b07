/** Gradient of a small filter: each thread packs groups of images for itself, and a sum over the groups follows. */
import { filterGradientPack, filterGradientTiles } from './filter_gradient';
import { startOf } from './parts';

/**
 * Computes gradients[groups][KH, KW, inputs, outputs] of the groups of images of one part, from x[count, height, width, inputs] and
 * dy[count, outHeight, outWidth, outputs]. Scratch memory of each thread, at `scratch` + slot · `scratchBytes`: 128 bytes, then 4 padded
 * rows, then a packed group of dy, then of x.
 */
export function filterGradientGroups(
  x: usize,
  dy: usize,
  count: usize,
  group: usize,
  height: isize,
  width: isize,
  inputs: usize,
  outHeight: usize,
  outWidth: usize,
  outputs: usize,
  filterHeight: usize,
  filterWidth: usize,
  strideHeight: usize,
  strideWidth: usize,
  top: isize,
  left: isize,
  paddedHeight: usize,
  paddedWidth: usize,
  gradients: usize,
  rowsBytes: usize,
  scratch: usize,
  scratchBytes: usize,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  const tile = scratch + slot * scratchBytes;
  const padded = tile + 128;
  const dyBlocks = padded + rowsBytes;
  const pixels = outHeight * outWidth;
  const xBlocks = dyBlocks + ((group * pixels * ((outputs + 7) >> 3)) << 5);
  const imageBytes = (<usize>(height * width) * inputs) << 2;
  const gradientBytes = (filterHeight * filterWidth * inputs * outputs) << 2;
  const end = startOf(part + 1, parts, count, group);
  for (let image = startOf(part, parts, count, group); image < end; image += group) {
    const some = min(group, count - image);
    filterGradientPack(
      x + image * imageBytes,
      dy + ((image * pixels * outputs) << 2),
      some,
      group,
      height,
      width,
      inputs,
      outHeight,
      outWidth,
      outputs,
      top,
      left,
      paddedHeight,
      paddedWidth,
      xBlocks,
      dyBlocks,
      padded,
      0,
      0,
      1,
      0,
    );
    filterGradientTiles(
      xBlocks,
      dyBlocks,
      gradients + (image / group) * gradientBytes,
      true,
      some,
      group,
      inputs,
      outHeight,
      outWidth,
      outputs,
      filterHeight,
      filterWidth,
      strideHeight,
      strideWidth,
      paddedHeight,
      paddedWidth,
      tile,
      0,
      1,
      0,
    );
  }
}
