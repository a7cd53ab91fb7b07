/** WGSL that stages tiles of factors in workgroup memory. */
import type { Factor, Storage, Tile } from './gemm';

/** Reads four numbers of a factor, the first at (own, k), along its axis, as numbers of that type. */
export function loader(name: 'A' | 'B', { vector, along }: Factor, type: Storage): string {
  const lower = name.toLowerCase();
  if (vector) {
    return `fn load${name}(p: Prepared${name}, own: u32, k: u32, ends: vec2<u32>) -> vec4<${type}> {
  if (own >= ends.x || k >= ends.y) { return vec4<${type}>(0); }
  let at = index${name}(p, own, k);
  if (at < 0) { return vec4<${type}>(0); }
  return vec4<${type}>(${lower}[u32(at) / 4]);
}`;
  }
  const [own, k] = along === 'k' ? ['own', 'k + i'] : ['own + i', 'k'];
  const p = along === 'k' ? 'p' : `prepare${name}(${own})`;
  return `fn load${name}(p: Prepared${name}, own: u32, k: u32, ends: vec2<u32>) -> vec4<${type}> {
  var v = vec4<${type}>(0);
  for (var i = 0u; i < 4; i++) {
    if (${own} < ends.x && ${k} < ends.y) {
      let at = index${name}(${p}, ${own}, ${k});
      if (at >= 0) { v[i] = ${type}(${lower}[u32(at)]); }
    }
  }
  return v;
}`;
}

/** Vectors of four in a row of the tile: of k, or of the factor's own axis. */
export const vectorsPerRow = ({ along }: Factor, own: number, { k }: Tile): number => (along === 'k' ? k : own) / 4;

interface Staging {
  /** Rows or columns of the tile. */
  own: number;
  tile: Tile;
  /** WGSL that keeps a vector of four in its place. */
  write: (at: string, value: string) => string;
}

/** Returns WGSL that stages a tile of a factor: as vectors along k, [own][k / 4], or along its own axis, [k][own / 4]. */
export function stage(name: 'A' | 'B', factor: Factor, { own, tile, write }: Staging) {
  const [depth, threads] = [tile.k, tile.threadsM * tile.threadsN];
  const vectors = (own * depth) / 4;
  const each = Math.ceil(vectors / threads);
  const perRow = vectorsPerRow(factor, own, tile);
  const [row, place] = [(at: string) => `${at} / ${perRow}u`, (at: string) => `(${at} % ${perRow}u) * 4u`];
  const [ownOf, kOf] = factor.along === 'k' ? [row, place] : [place, row];
  const lines = Array.from({ length: each }, (_, i) => i);
  const at = (i: number) => (i === 0 ? 'thread' : `(thread + ${i * threads}u)`);
  const guard = (i: number) => (vectors % threads === 0 ? '' : `if (${at(i)} < ${vectors}u) `);
  const load = (i: number) =>
    `load${name}(pre${name}${i}, own${name}${i}, k0 + ${kOf(at(i))}, vec2<u32>(end${name}, kEnd))`;
  return {
    vectors,
    before: lines
      .map(
        (i) =>
          `  let own${name}${i} = start${name} + ${ownOf(at(i))};\n  let pre${name}${i} = prepare${name}(own${name}${i});`,
      )
      .join('\n'),
    inside: lines.map((i) => `    ${guard(i)}{ ${write(at(i), load(i))} }`).join('\n'),
  };
}
