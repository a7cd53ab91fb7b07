/** Max-pooling and its gradient. A NaN in a window is its maximum; of equal numbers the first is, as on the CPU. */
import { THREADS } from './flat';
import type { Storage } from './gemm';

export interface PoolShader {
  input: Storage;
  /** Storage of the output's gradient. */
  gradient: Storage;
  output: Storage;
  vector: boolean;
}

/** Sizes as uniforms, channels counted in vectors. */
export const POOL_UNIFORMS = [
  'count',
  'c',
  'h',
  'w',
  'oh',
  'ow',
  'kh',
  'kw',
  'sy',
  'sx',
  'dy',
  'dx',
  'top',
  'left',
] as const;

const head = ({ input, gradient, output, vector }: PoolShader, isGradient: boolean) => {
  const type = (storage: Storage) => (vector ? `vec4<${storage}>` : storage);
  const other = isGradient ? `@group(0) @binding(2) var<storage, read> dy: array<${type(gradient)}>;\n` : '';
  return `${[input, gradient, output].includes('f16') ? 'enable f16;\n' : ''}alias V = ${type('f32')};
alias P = ${vector ? 'vec4<i32>' : 'i32'};
alias Y = ${type(output)};
struct Uniforms { ${POOL_UNIFORMS.map((name) => `${name}: u32`).join(', ')} }
@group(0) @binding(0) var<storage, read_write> y: array<Y>;
@group(0) @binding(1) var<storage, read> x: array<${type(input)}>;
${other}@group(0) @binding(${isGradient ? 3 : 2}) var<uniform> u: Uniforms;
struct Best { value: V, place: P }
// The maximum of the window of output (oy, ox), and the flat place in the window where it is.
fn best(image: i32, oy: i32, ox: i32, channel: i32) -> Best {
  var b = Best(V(-3.4028234663852886e38), P(-1));
  for (var ky = 0; ky < i32(u.kh); ky++) {
    let iy = oy * i32(u.sy) - i32(u.top) + ky * i32(u.dy);
    if (iy < 0 || iy >= i32(u.h)) { continue; }
    for (var kx = 0; kx < i32(u.kw); kx++) {
      let ix = ox * i32(u.sx) - i32(u.left) + kx * i32(u.dx);
      if (ix < 0 || ix >= i32(u.w)) { continue; }
      let v = V(x[u32(((image * i32(u.h) + iy) * i32(u.w) + ix) * i32(u.c) + channel)]);
      let larger = (v > b.value) | (v != v) | (b.place < P(0));
      b.value = select(b.value, v, larger);
      b.place = select(b.place, P(ky * i32(u.kw) + kx), larger);
    }
  }
  return b;
}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * groups.x + group.x) * ${THREADS}u + thread;
  if (i >= u.count) { return; }
  let channel = i32(i % u.c);
  let pixel = i / u.c;
`;
};

export function poolShader(shader: PoolShader): string {
  return `${head(shader, false)}  let image = i32(pixel / u.ow / u.oh);
  y[i] = Y(best(image, i32(pixel / u.ow % u.oh), i32(pixel % u.ow), channel).value);
}`;
}

/** A thread for each number of the input: it adds up the gradients of the windows whose maximum it is. */
export function poolGradientShader(shader: PoolShader): string {
  return `${head(shader, true)}  let image = i32(pixel / u.w / u.h);
  let iy = i32(pixel / u.w % u.h);
  let ix = i32(pixel % u.w);
  var sum = V(0);
  for (var ky = 0; ky < i32(u.kh); ky++) {
    let top = iy + i32(u.top) - ky * i32(u.dy);
    if (top < 0 || top % i32(u.sy) != 0 || top / i32(u.sy) >= i32(u.oh)) { continue; }
    for (var kx = 0; kx < i32(u.kw); kx++) {
      let left = ix + i32(u.left) - kx * i32(u.dx);
      if (left < 0 || left % i32(u.sx) != 0 || left / i32(u.sx) >= i32(u.ow)) { continue; }
      let oy = top / i32(u.sy);
      let ox = left / i32(u.sx);
      let place = best(image, oy, ox, channel).place;
      let d = V(dy[u32(((image * i32(u.oh) + oy) * i32(u.ow) + ox) * i32(u.c) + channel)]);
      sum += select(V(0), d, place == P(ky * i32(u.kw) + kx));
    }
  }
  y[i] = Y(sum);
}`;
}
