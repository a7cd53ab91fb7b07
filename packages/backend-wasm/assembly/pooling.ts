/** Gradients of pooling over NHWC images, four channels at a time. */

/**
 * dx += dy at the first greatest value of each window, as the CPU backend chooses it. Windows are given by their size,
 * stride and dilation and may reach over the border by `top` and `left`.
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
): void {
  const pixel = channels << 2;
  const imageBytes = <usize>(height * width) * pixel;
  memory.fill(dx, 0, count * imageBytes);
  const whole = channels & ~3;
  for (let image: usize = 0; image < count; image++, x += imageBytes, dx += imageBytes) {
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
              const chosen = v128.and(gradient, i32x4.eq(place, i32x4.splat(<i32>at)));
              v128.store(target, f32x4.add(v128.load(target), chosen));
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
