/** Copies into the layouts that the inner loops read: panels of columns, blocks of rows, zero-padded images. */
import { startOf } from './parts';

/**
 * Writes rows k0…k0+depth of B[K, columns] (strides in elements) as panels [ceil(columns / 8)][depth][8], zero-filled.
 */
export function packPanels(
  b: usize,
  kStride: usize,
  columnStride: usize,
  depth: usize,
  columns: usize,
  to: usize,
): void {
  const kBytes = kStride << 2;
  const columnBytes = columnStride << 2;
  for (let column: usize = 0; column < columns; column += 8) {
    const width = min<usize>(8, columns - column);
    const source = b + column * columnBytes;
    if (width < 8) {
      for (let k: usize = 0; k < depth; k++, to += 32) {
        v128.store(to, f32x4.splat(0));
        v128.store(to, f32x4.splat(0), 16);
        for (let j: usize = 0; j < width; j++) {
          store<f32>(to + (j << 2), load<f32>(source + k * kBytes + j * columnBytes));
        }
      }
    } else if (columnStride === 1) {
      for (let k: usize = 0; k < depth; k++, to += 32) {
        const row = source + k * kBytes;
        v128.store(to, v128.load(row));
        v128.store(to, v128.load(row, 16), 16);
      }
    } else if (kStride === 1) {
      transpose(source, columnBytes, 8, depth, to, 32);
      to += depth << 5;
    } else {
      for (let k: usize = 0; k < depth; k++, to += 32) {
        for (let j: usize = 0; j < 8; j++) {
          store<f32>(to + (j << 2), load<f32>(source + k * kBytes + j * columnBytes));
        }
      }
    }
  }
}

/** Packs the panels of one part with `packPanels`. */
export function packPanelsPart(
  b: usize,
  kStride: usize,
  columnStride: usize,
  depth: usize,
  columns: usize,
  to: usize,
  part: usize,
  parts: usize,
): void {
  const first = startOf(part, parts, columns, 8);
  const end = startOf(part + 1, parts, columns, 8);
  const source = b + ((first * columnStride) << 2);
  packPanels(source, kStride, columnStride, depth, end - first, to + ((first * depth) << 2));
}

/** Computes to[column][row] = from[row][column] for a block of rows × columns. Strides are in bytes. */
export function transpose(
  from: usize,
  fromStride: usize,
  rows: usize,
  columns: usize,
  to: usize,
  toStride: usize,
): void {
  const wholeRows = rows & ~3;
  const wholeColumns = columns & ~3;
  for (let row: usize = 0; row < wholeRows; row += 4) {
    const s0 = from + row * fromStride;
    const s1 = s0 + fromStride;
    const s2 = s1 + fromStride;
    const s3 = s2 + fromStride;
    let t = to + (row << 2);
    for (let column: usize = 0; column < wholeColumns; column += 4) {
      const r0 = v128.load(s0 + (column << 2));
      const r1 = v128.load(s1 + (column << 2));
      const r2 = v128.load(s2 + (column << 2));
      const r3 = v128.load(s3 + (column << 2));
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(t, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(t + toStride, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
      v128.store(t + 2 * toStride, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
      v128.store(t + 3 * toStride, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
      t += toStride << 2;
    }
  }
  transposeScalar(from, fromStride, 0, wholeRows, wholeColumns, columns, to, toStride);
  transposeScalar(from, fromStride, wholeRows, rows, 0, columns, to, toStride);
}

function transposeScalar(
  from: usize,
  fromStride: usize,
  firstRow: usize,
  endRow: usize,
  firstColumn: usize,
  endColumn: usize,
  to: usize,
  toStride: usize,
): void {
  for (let row = firstRow; row < endRow; row++) {
    for (let column = firstColumn; column < endColumn; column++) {
      store<f32>(to + column * toStride + (row << 2), load<f32>(from + row * fromStride + (column << 2)));
    }
  }
}

/**
 * Copies rows `first`…`end` of one zero-padded image to `to`: pixel (y, x) of the image [height, width, channels] is at
 * (y · spacing + top, x · spacing + left) of the padded image, pixels that fall outside are dropped, all others are zero.
 */
export function padRows(
  image: usize,
  height: isize,
  width: isize,
  channels: usize,
  spacing: isize,
  top: isize,
  left: isize,
  paddedWidth: isize,
  first: isize,
  end: isize,
  to: usize,
): void {
  const pixel = channels << 2;
  const row = <usize>paddedWidth * pixel;
  const firstX: isize = left < 0 ? (spacing - 1 - left) / spacing : 0;
  const endX: isize = min<isize>(width, (paddedWidth - left + spacing - 1) / spacing);
  for (let paddedY = first; paddedY < end; paddedY++, to += row) {
    const y = (paddedY - top) / spacing;
    if (paddedY < top || y >= height || y * spacing + top !== paddedY || endX <= firstX) {
      memory.fill(to, 0, row);
      continue;
    }
    let source = image + <usize>(y * width + firstX) * pixel;
    const start = <usize>(firstX * spacing + left) * pixel;
    if (spacing === 1) {
      const bytes = <usize>(endX - firstX) * pixel;
      memory.fill(to, 0, start);
      memory.copy(to + start, source, bytes);
      memory.fill(to + start + bytes, 0, row - start - bytes);
      continue;
    }
    memory.fill(to, 0, row);
    let target = to + start;
    for (let x = firstX; x < endX; x++) {
      memory.copy(target, source, pixel);
      source += pixel;
      target += pixel * spacing;
    }
  }
}
