/**
 * The loop over k of a workgroup that is one subgroup, for a CPU that computes its threads as one vector. A thread has a vector
 * of four columns or more, and rows that all threads share. What one thread reads of the rows, no other reads: each takes the
 * numbers of the others by broadcasts, which are two instructions, where a read is some fifty. Four k are one pass of the loop,
 * since a loop keeps its sums in memory: a sum is read and written once for four multiplications.
 */
import { readsFour } from './direct';
import type { Factor, Gemm } from './gemm';

const FOUR = [0, 1, 2, 3] as const;

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** True if every read of a product's factors is a vector of four numbers. */
export const readsByLanes = (a: Factor, b: Factor): boolean => a.vector && b.vector;

/** Reads four numbers at a place of the buffer, or zeros. */
function reader(name: 'A' | 'B', factor: Factor): string {
  return `${factor.direct()}
fn read${name}(at: i32) -> vec4<f32> {
  return select(vec4<f32>(0), vec4<f32>(${name.toLowerCase()}[u32(at) / 4]), at >= 0);
}`;
}

interface Reads {
  before: string[];
  perLine: string[];
  perFour: string[];
}

/**
 * Reads of a factor: vectors along its own axis, one for each k, or along k, one for each row or column. `starts` are their first
 * rows or columns; the names of what is read end in the number of the vector and, for the former, the k.
 */
function reads(
  name: 'A' | 'B',
  factor: Factor,
  { starts, guarded }: { starts: readonly string[]; guarded: boolean },
): Reads {
  const found: Reads = { before: [], perLine: [], perFour: [] };
  // Beyond the end the last rows are computed again, and not stored.
  const last = `end${name} - ${readsFour(factor) ? 4 : 1}u`;
  for (const [v, start] of starts.entries()) {
    const id = `${name}${v}`;
    found.before.push(`let own${id} = min(${start}, ${last});`, `let pre${id} = prepare${name}(own${id});`);
    found.perLine.push(`let line${id} = line${name}(pre${id}, own${id}, outer);`);
    if (!readsFour(factor)) {
      found.perFour.push(`let four${id} = read${name}(at${name}(line${id}, i));`);
      continue;
    }
    for (const j of FOUR) {
      const at = `at${name}(line${id}, i + ${j}u)`;
      // Beyond the end of a line both factors are zero.
      const place = guarded ? `select(-1, ${at}, i + ${j}u < end)` : at;
      found.perFour.push(`let four${id}_${j} = read${name}(${place});`);
    }
  }
  return found;
}

/** The loop, as the staged one: WGSL of its functions and its code, which adds to c0_0, c0_1 … (row, vector of four columns). */
export function lanesLoop(rows: number, vectors: number, { tile, a, b, line }: Gemm) {
  const lanes = tile.threadsN;
  const guarded = readsFour(a) && readsFour(b);
  const startsA = readsFour(a)
    ? count(Math.ceil(rows / (lanes * 4))).map((v) => `startA + (tx + ${v * lanes}u) * 4u`)
    : count(Math.ceil(rows / lanes)).map((v) => `startA + tx + ${v * lanes}u`);
  const column = (v: number) => `startB + (tx + ${v * lanes}u) * 4u`;
  const startsB = readsFour(b)
    ? count(vectors).map(column)
    : count(vectors).flatMap((v) => FOUR.map((i) => `${column(v)} + ${i}u`));
  const ofA = reads('A', a, { starts: startsA, guarded });
  const ofB = reads('B', b, { starts: startsB, guarded });
  const perFour = [...ofA.perFour, ...ofB.perFour];
  if (!readsFour(b)) {
    for (const v of count(vectors)) {
      for (const j of FOUR) {
        perFour.push(`let fourB${v}_${j}t = vec4<f32>(${FOUR.map((i) => `fourB${v * 4 + i}[${j}]`).join(', ')});`);
      }
    }
  }
  const fourB = (v: number, j: number) => (readsFour(b) ? `fourB${v}_${j}` : `fourB${v}_${j}t`);
  for (const r of count(rows)) {
    // The row's numbers for the four k.
    let row: string[];
    if (readsFour(a)) {
      const [v, lane, i] = [Math.floor(r / (4 * lanes)), Math.floor(r / 4) % lanes, r % 4];
      if (i === 0) {
        for (const j of FOUR) perFour.push(`let rows${r}_${j} = subgroupBroadcast(fourA${v}_${j}, ${lane}u);`);
      }
      row = FOUR.map((j) => `rows${r - i}_${j}[${i}]`);
    } else {
      perFour.push(`let row${r} = subgroupBroadcast(fourA${Math.floor(r / lanes)}, ${r % lanes}u);`);
      row = FOUR.map((j) => `row${r}[${j}]`);
    }
    for (const v of count(vectors)) {
      const sum = row.reduce((c, of, j) => `fma(vec4<f32>(${of}), ${fourB(v, j)}, ${c})`, `c${r}_${v}`);
      perFour.push(`c${r}_${v} = ${sum};`);
    }
  }
  return {
    memory: '',
    functions: `fn lineLength() -> u32 { return ${line}; }\n${reader('A', a)}\n${reader('B', b)}`,
    code: `  ${[...ofA.before, ...ofB.before].join('\n  ')}
  for (var outer = kBegin / lineLength(); outer * lineLength() < kEnd; outer++) {
    let first = outer * lineLength();
    let begin = max(kBegin, first) - first;
    let end = min(kEnd - first, lineLength());
    ${[...ofA.perLine, ...ofB.perLine].join('\n    ')}
    for (var i = begin; i < end; i += 4u) {
      ${perFour.join('\n      ')}
    }
  }`,
  };
}
