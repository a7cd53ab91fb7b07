/**
 * Matrix product in all four transpositions. K and M are divided into blocks that stay in the caches; B is packed once
 * per block of K.
 */
import { finish } from './finish';
import { multiply4x8 } from './microkernel';
import { packPanels, transpose } from './pack';
import { startOf } from './parts';

/** Depth of a block: a panel of B then takes 16 KiB, a third of a first-level cache. */
export const DEPTH: usize = 512;
/** Number of rows of A in a block, which is read again for every panel of B: 128 rows of 512 floats take 256 KiB. */
export const ROWS: usize = 128;

/**
 * Returns the number of bytes of scratch memory of each thread for a part of `rows` × `columns` of a product, a multiple of 16.
 */
export function productScratch(rows: usize, columns: usize, depth: usize, transposeA: bool): usize {
  const block = min(depth, DEPTH);
  const packed = ((columns + 7) & ~7) * block;
  return ((packed + (transposeA ? min(rows, ROWS) * ((block + 3) & ~3) : 0) + 32 + 3) & ~3) << 2;
}

/**
 * Computes one part of C[rows, columns] = A · B, plus bias[columns] if its address is not 0, and a ReLU if `rectify`. A is [rows,
 * depth], or [depth, rows] if transposed; B likewise. All are row-major. The parts are a grid of rows and of `columnParts` ranges of panels of 8 columns.
 */
export function product(
  a: usize,
  b: usize,
  c: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  transposeA: bool,
  transposeB: bool,
  scratch: usize,
  scratchBytes: usize,
  columnParts: usize,
  bias: usize,
  rectify: bool,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  const rowParts = parts / columnParts;
  const firstRow = startOf(part / columnParts, rowParts, rows, 4);
  const endRow = startOf(part / columnParts + 1, rowParts, rows, 4);
  const firstColumn = startOf(part % columnParts, columnParts, columns, 8);
  const own = startOf((part % columnParts) + 1, columnParts, columns, 8) - firstColumn;
  const tile = scratch + slot * scratchBytes;
  const packedB = tile + 128;
  const corner = c + (firstColumn << 2);
  if (depth === 0) {
    for (let row = firstRow; row < endRow; row++) memory.fill(corner + ((row * columns) << 2), 0, own << 2);
  }
  for (let k: usize = 0; k < depth; k += DEPTH) {
    const block = min(DEPTH, depth - k);
    if (transposeB) packPanels(b + ((firstColumn * depth + k) << 2), 1, depth, block, own, packedB);
    else packPanels(b + ((k * columns + firstColumn) << 2), columns, 1, block, own, packedB);
    const packedA = packedB + ((((own + 7) & ~7) * block) << 2);
    for (let row = firstRow; row < endRow; row += ROWS) {
      const count = min(ROWS, endRow - row);
      let from = a + ((row * depth + k) << 2);
      let stride = depth << 2;
      if (transposeA) {
        transpose(a + ((k * rows + row) << 2), rows << 2, block, count, packedA, block << 2);
        from = packedA;
        stride = block << 2;
      }
      const to = corner + ((row * columns) << 2);
      rowsTimesPanels(from, stride, packedB, to, columns << 2, count, own, block, k > 0, tile);
    }
  }
  const added: usize = bias === 0 ? 0 : bias + (firstColumn << 2);
  finish(corner + ((firstRow * columns) << 2), columns << 2, endRow - firstRow, own, added, rectify);
}

function rowsTimesPanels(
  a: usize,
  stride: usize,
  packedB: usize,
  c: usize,
  cStride: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  accumulate: bool,
  tile: usize,
): void {
  for (let column: usize = 0; column < columns; column += 8) {
    const panel = packedB + ((column * depth) << 2);
    const width = min<usize>(8, columns - column);
    for (let row: usize = 0; row < rows; row += 4) {
      const last = rows - 1;
      const r1 = min(row + 1, last);
      const r2 = min(row + 2, last);
      const r3 = min(row + 3, last);
      const a0 = a + row * stride;
      const a1 = a + r1 * stride;
      const a2 = a + r2 * stride;
      const a3 = a + r3 * stride;
      const corner = c + (column << 2);
      if (width === 8) {
        const c0 = corner + row * cStride;
        multiply4x8(
          a0,
          a1,
          a2,
          a3,
          1,
          depth,
          0,
          panel,
          c0,
          corner + r1 * cStride,
          corner + r2 * cStride,
          corner + r3 * cStride,
          accumulate,
        );
      } else {
        multiply4x8(a0, a1, a2, a3, 1, depth, 0, panel, tile, tile + 32, tile + 64, tile + 96, false);
        const height = min<usize>(4, rows - row);
        for (let i: usize = 0; i < height; i++) {
          for (let j: usize = 0; j < width; j++) {
            const target = corner + (row + i) * cStride + (j << 2);
            const value = load<f32>(tile + (i << 5) + (j << 2));
            store<f32>(target, accumulate ? load<f32>(target) + value : value);
          }
        }
      }
    }
  }
}
