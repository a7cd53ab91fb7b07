/**
 * The transforms of Winograd's convolution by 3 x 3 (Lavin and Gray, arXiv:1509.09308): an output of m x m pixels is
 * A' [(G g G') * (B' d B)] A, for a filter g and an input d of (m + 2) x (m + 2) pixels. The products * of all tiles and channels
 * are (m + 2)² matrix products. The gradient of the filter is G' [(A dy A') * (B' d B)] G.
 */
import { THREADS } from './flat';
import type { Storage } from './gemm';

/** A transform of one line: `size` numbers of a square's side become `to`. Numbers are names or expressions in WGSL. */
export interface LineTransform {
  from: number;
  to: number;
  apply: (line: readonly string[]) => string[];
}

/** The transforms for outputs of m x m pixels. */
export interface Winograd {
  /** Pixels of an output's side, m. */
  outputs: number;
  /** Pixels of an input's side, m + 2. */
  inputs: number;
  /** B'. */
  input: LineTransform;
  /** A'. */
  output: LineTransform;
  /** A. */
  gradient: LineTransform;
  /** G. */
  filter: LineTransform;
  /** G'. */
  filterGradient: LineTransform;
}

const line = (from: number, to: number, apply: (d: string[]) => string[]): LineTransform => ({
  from,
  to,
  apply: (names) => apply([...names]),
});

/** Outputs of 2 x 2: the points 0, 1, -1 and infinity. */
const TWO: Winograd = {
  outputs: 2,
  inputs: 4,
  input: line(4, 4, ([a, b, c, d]) => [`${a} - ${c}`, `${b} + ${c}`, `${c} - ${b}`, `${b} - ${d}`]),
  output: line(4, 2, ([a, b, c, d]) => [`${a} + (${b} + ${c})`, `(${b} - ${c}) - ${d}`]),
  gradient: line(2, 4, ([a, b]) => [`${a}`, `${a} + ${b}`, `${a} - ${b}`, `-${b}`]),
  filter: line(3, 4, ([a, b, c]) => [`${a}`, `0.5 * ((${a} + ${c}) + ${b})`, `0.5 * ((${a} + ${c}) - ${b})`, `${c}`]),
  filterGradient: line(4, 3, ([a, b, c, d]) => [
    `${a} + 0.5 * (${b} + ${c})`,
    `0.5 * (${b} - ${c})`,
    `0.5 * (${b} + ${c}) + ${d}`,
  ]),
};

/** Outputs of 4 x 4: the points 0, ±p, ±q and infinity, whose rounding error is less than half that of 1 and 2 (decision 0099). */
function four(): Winograd {
  const [p, q] = [0.625, 1.5];
  const [p2, q2] = [p * p, q * q];
  // One over the product of a point's distances from the other points.
  const [atZero, atP, atQ] = [1 / (p2 * q2), 1 / (2 * p2 * (p2 - q2)), 1 / (2 * q2 * (q2 - p2))];
  return {
    outputs: 4,
    inputs: 6,
    input: line(6, 6, ([a, b, c, d, e, f]) => {
      const [evenP, oddP] = [`(${e} - ${q2} * ${c})`, `${p} * (${d} - ${q2} * ${b})`];
      const [evenQ, oddQ] = [`(${e} - ${p2} * ${c})`, `${q} * (${d} - ${p2} * ${b})`];
      return [
        `${p2 * q2} * ${a} - ${p2 + q2} * ${c} + ${e}`,
        `${evenP} + ${oddP}`,
        `${evenP} - ${oddP}`,
        `${evenQ} + ${oddQ}`,
        `${evenQ} - ${oddQ}`,
        `${p2 * q2} * ${b} - ${p2 + q2} * ${d} + ${f}`,
      ];
    }),
    output: line(6, 4, ([a, b, c, d, e, f]) => {
      const [evenP, oddP] = [`(${b} + ${c})`, `(${b} - ${c})`];
      const [evenQ, oddQ] = [`(${d} + ${e})`, `(${d} - ${e})`];
      return [
        `${a} + ${evenP} + ${evenQ}`,
        `${p} * ${oddP} + ${q} * ${oddQ}`,
        `${p2} * ${evenP} + ${q2} * ${evenQ}`,
        `${p2 * p} * ${oddP} + ${q2 * q} * ${oddQ} + ${f}`,
      ];
    }),
    gradient: line(4, 6, ([a, b, c, d]) => {
      const [evenP, oddP] = [`(${a} + ${p2} * ${c})`, `${p} * (${b} + ${p2} * ${d})`];
      const [evenQ, oddQ] = [`(${a} + ${q2} * ${c})`, `${q} * (${b} + ${q2} * ${d})`];
      return [`${a}`, `${evenP} + ${oddP}`, `${evenP} - ${oddP}`, `${evenQ} + ${oddQ}`, `${evenQ} - ${oddQ}`, `${d}`];
    }),
    filter: line(3, 6, ([a, b, c]) => {
      const [evenP, oddP] = [`${atP} * (${a} + ${p2} * ${c})`, `${atP * p} * ${b}`];
      const [evenQ, oddQ] = [`${atQ} * (${a} + ${q2} * ${c})`, `${atQ * q} * ${b}`];
      return [
        `${atZero} * ${a}`,
        `${evenP} + ${oddP}`,
        `${evenP} - ${oddP}`,
        `${evenQ} + ${oddQ}`,
        `${evenQ} - ${oddQ}`,
        `${c}`,
      ];
    }),
    filterGradient: line(6, 3, ([a, b, c, d, e, f]) => {
      const [evenP, oddP] = [`${atP} * (${b} + ${c})`, `${atP * p} * (${b} - ${c})`];
      const [evenQ, oddQ] = [`${atQ} * (${d} + ${e})`, `${atQ * q} * (${d} - ${e})`];
      return [
        `${atZero} * ${a} + ${evenP} + ${evenQ}`,
        `${oddP} + ${oddQ}`,
        `${p2} * ${evenP} + ${q2} * ${evenQ} + ${f}`,
      ];
    }),
  };
}

export const WINOGRAD: Readonly<Record<2 | 4, Winograd>> = { 2: TWO, 4: four() };

export interface TileShader {
  transform: LineTransform;
  /**
   * Places of a square's numbers: pixels of images; planes, one for each of its places, with the tiles' channels (or the
   * filter's) in order; or groups, for each tile (or input channel) all planes' channels. Groups are read faster: they are near.
   */
  from: 'pixels' | 'planes' | 'groups';
  to: 'pixels' | 'planes';
  /** Pixels between squares that are read. */
  step: number;
  input: Storage;
  output: Storage;
  /** True to read the planes in opposite order: the filter turned by half. */
  turned: boolean;
  /** True to add to what is there. */
  add: boolean;
  bias: boolean;
  relu: boolean;
}

export const TILE_UNIFORMS = ['count', 'c', 'h', 'w', 'tilesY', 'tilesX', 'top', 'left'] as const;

/** The shader of a transform, with a thread for four channels of a tile. */
export function tileShader(shader: TileShader): string {
  const { transform, from, to, step, input, output, bias, relu } = shader;
  const indices = (n: number) => Array.from({ length: n }, (_, i) => i);
  const lines: string[] = [];
  const size = transform.from ** 2;
  if (from === 'groups') lines.push(`let first = (i / u.c) * ${size}u * u.c + i % u.c;`);
  for (const i of indices(transform.from)) {
    for (const j of indices(transform.from)) {
      const plane = i * transform.from + j;
      const place = shader.turned ? size - 1 - plane : plane;
      const read = {
        pixels: `pixel(t, ${i}, ${j})`,
        planes: `V(x[${place}u * u.count + i])`,
        groups: `x[first + ${place}u * u.c]`,
      };
      lines.push(`let d${i}_${j} = ${read[from]};`);
    }
  }
  for (const j of indices(transform.from)) {
    const column = transform.apply(indices(transform.from).map((i) => `d${i}_${j}`));
    for (const [i, value] of column.entries()) lines.push(`let h${i}_${j} = ${value};`);
  }
  for (const i of indices(transform.to)) {
    const row = transform.apply(indices(transform.from).map((j) => `h${i}_${j}`));
    for (const [j, value] of row.entries()) {
      if (to === 'pixels') {
        lines.push(`put(t, ${i}, ${j}, ${value});`);
        continue;
      }
      const place = `y[${i * transform.to + j}u * u.count + i]`;
      lines.push(`${place} = ${shader.add ? `${place} + ` : ''}(${value});`);
    }
  }
  const biased = bias ? 'v + bias[t.channel]' : 'v';
  const put = `fn put(t: Tile, i: i32, j: i32, v: V) {
  let row = t.y + i;
  let column = t.x + j;
  if (row < i32(u.h) && column < i32(u.w)) {
    let all = ${biased};
    y[u32((t.image * i32(u.h) + row) * i32(u.w) + column) * u.c + t.channel] = vec4<${output}>(${relu ? 'select(all, V(0), all < V(0))' : 'all'});
  }
}`;
  const pixel = `fn pixel(t: Tile, i: i32, j: i32) -> V {
  let row = t.y + i;
  let column = t.x + j;
  let inside = row >= 0 && column >= 0 && row < i32(u.h) && column < i32(u.w);
  let at = ((t.image * i32(u.h) + row) * i32(u.w) + column) * i32(u.c) + i32(t.channel);
  return select(V(0), V(x[u32(select(-1, at, inside))]), inside);
}`;
  const pixels = from === 'pixels' || to === 'pixels';
  return `${[input, output].includes('f16') ? 'enable f16;\n' : ''}alias V = vec4<f32>;
struct Uniforms { ${TILE_UNIFORMS.map((name) => `${name}: u32`).join(', ')} }
@group(0) @binding(0) var<storage, read> x: array<vec4<${input}>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<${output}>>;
${bias ? '@group(0) @binding(2) var<storage, read> bias: array<V>;\n' : ''}@group(0) @binding(${bias ? 3 : 2}) var<uniform> u: Uniforms;
${pixels ? 'struct Tile { image: i32, y: i32, x: i32, channel: u32 }\n' : ''}${from === 'pixels' ? pixel : ''}${to === 'pixels' ? put : ''}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * groups.x + group.x) * ${THREADS}u + thread;
  if (i >= u.count) { return; }
  ${pixels ? `let tile = i / u.c;\n  let row = tile / u.tilesX;\n  let t = Tile(i32(row / u.tilesY), i32((row % u.tilesY) * ${step}u) - i32(u.top), i32((tile % u.tilesX) * ${step}u) - i32(u.left), i % u.c);` : ''}
  ${lines.join('\n  ')}
}`;
}
