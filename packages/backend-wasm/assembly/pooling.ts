/** Gradients of pooling over NHWC images, four channels at a time. */
import { startOf } from './parts';

/**
 * Computes the gradient of VGG's pooling, 2 × 2 at stride 2 without padding, for a multiple of 4 channels, in one pass:
 * output rows `first`…`end` of all images.
 */
function maxPoolGradient2x2(
  x: usize,
  dy: usize,
  dx: usize,
  first: usize,
  end: usize,
  height: usize,
  width: usize,
  channels: usize,
  outHeight: usize,
  outWidth: usize,
): void {
  const pixel = channels << 2;
  const row = width * pixel;
  const imageBytes = height * row;
  const least = f32x4.splat(-Infinity);
  dy += first * outWidth * pixel;
  const restX = (width - (outWidth << 1)) * pixel;
  const restY = (height - (outHeight << 1)) * row;
  for (let index = first; index < end; index++) {
    const oy = index % outHeight;
    let at = (index / outHeight) * imageBytes + (oy << 1) * row;
    for (let ox: usize = 0; ox < outWidth; ox++, at += pixel) {
      for (const next = at + pixel; at < next; at += 16, dy += 16) {
        const a = v128.load(x + at);
        const b = v128.load(x + at + pixel);
        const c = v128.load(x + at + row);
        const d = v128.load(x + at + row + pixel);
        const isA = f32x4.gt(a, least);
        let best = v128.bitselect(a, least, isA);
        const isB = f32x4.gt(b, best);
        best = v128.bitselect(b, best, isB);
        const isC = f32x4.gt(c, best);
        best = v128.bitselect(c, best, isC);
        const isD = f32x4.gt(d, best);
        const cOrD = v128.or(isC, isD);
        const gradient = v128.load(dy);
        v128.store(dx + at, v128.andnot(v128.andnot(v128.and(gradient, isA), isB), cOrD));
        v128.store(dx + at + pixel, v128.andnot(v128.and(gradient, isB), cOrD));
        v128.store(dx + at + row, v128.andnot(v128.and(gradient, isC), isD));
        v128.store(dx + at + row + pixel, v128.and(gradient, isD));
      }
    }
    memory.fill(dx + at, 0, restX);
    memory.fill(dx + at + row, 0, restX);
    if (oy === outHeight - 1) memory.fill(dx + at + restX + row, 0, restY);
  }
}

/**
 * Computes one part of dx: dy is added at the first of the greatest values of each window, as on the CPU backend. Windows have a
 * size, stride and dilation, and begin `top` and `left` pixels outside the image.
 */
export function maxPoolGradient(
  x: usize,
  dy: usize,
  dx: usize,
  count: usize,
  height: isize,
  width: isize,
  channels: usize,
  outHeight: isize,
  outWidth: isize,
  windowHeight: isize,
  windowWidth: isize,
  strideHeight: isize,
  strideWidth: isize,
  dilationHeight: isize,
  dilationWidth: isize,
  top: isize,
  left: isize,
  part: usize,
  parts: usize,
): void {
  const square = windowHeight === 2 && windowWidth === 2 && strideHeight === 2 && strideWidth === 2;
  const inside = top === 0 && left === 0 && outHeight > 0 && outHeight << 1 <= height && outWidth << 1 <= width;
  if (square && inside && dilationHeight === 1 && dilationWidth === 1 && (channels & 3) === 0) {
    const first = startOf(part, parts, count * <usize>outHeight, 1);
    const end = startOf(part + 1, parts, count * <usize>outHeight, 1);
    maxPoolGradient2x2(x, dy, dx, first, end, height, width, channels, outHeight, outWidth);
    return;
  }
  const pixel = channels << 2;
  const imageBytes = <usize>(height * width) * pixel;
  const first = startOf(part, parts, count, 1);
  const images = startOf(part + 1, parts, count, 1) - first;
  x += first * imageBytes;
  dx += first * imageBytes;
  dy += first * <usize>(outHeight * outWidth) * pixel;
  memory.fill(dx, 0, images * imageBytes);
  const whole = channels & ~3;
  for (let image: usize = 0; image < images; image++, x += imageBytes, dx += imageBytes) {
    for (let oy: isize = 0; oy < outHeight; oy++) {
      const y0 = oy * strideHeight - top;
      for (let ox: isize = 0; ox < outWidth; ox++, dy += pixel) {
        const x0 = ox * strideWidth - left;
        for (let channel: usize = 0; channel < whole; channel += 4) {
          const offset = channel << 2;
          let best = f32x4.splat(-Infinity);
          let place = i32x4.splat(-1);
          for (let wy: isize = 0; wy < windowHeight; wy++) {
            const iy = y0 + wy * dilationHeight;
            if (iy < 0 || iy >= height) continue;
            for (let wx: isize = 0; wx < windowWidth; wx++) {
              const ix = x0 + wx * dilationWidth;
              if (ix < 0 || ix >= width) continue;
              const at = iy * width + ix;
              const value = v128.load(x + <usize>at * pixel + offset);
              const greater = f32x4.gt(value, best);
              best = v128.bitselect(value, best, greater);
              place = v128.bitselect(i32x4.splat(<i32>at), place, greater);
            }
          }
          const gradient = v128.load(dy + offset);
          for (let wy: isize = 0; wy < windowHeight; wy++) {
            const iy = y0 + wy * dilationHeight;
            if (iy < 0 || iy >= height) continue;
            for (let wx: isize = 0; wx < windowWidth; wx++) {
              const ix = x0 + wx * dilationWidth;
              if (ix < 0 || ix >= width) continue;
              const at = iy * width + ix;
              const target = dx + <usize>at * pixel + offset;
              const contribution = v128.and(gradient, i32x4.eq(place, i32x4.splat(<i32>at)));
              v128.store(target, f32x4.add(v128.load(target), contribution));
            }
          }
        }
        for (let channel = whole; channel < channels; channel++) {
          const offset = channel << 2;
          let best: f32 = -Infinity;
          let place: isize = -1;
          for (let wy: isize = 0; wy < windowHeight; wy++) {
            const iy = y0 + wy * dilationHeight;
            if (iy < 0 || iy >= height) continue;
            for (let wx: isize = 0; wx < windowWidth; wx++) {
              const ix = x0 + wx * dilationWidth;
              if (ix < 0 || ix >= width) continue;
              const at = iy * width + ix;
              const value = load<f32>(x + <usize>at * pixel + offset);
              if (value > best) {
                best = value;
                place = at;
              }
            }
          }
          if (place < 0) continue;
          const target = dx + <usize>place * pixel + offset;
          store<f32>(target, load<f32>(target) + load<f32>(dy + offset));
        }
      }
    }
  }
}
