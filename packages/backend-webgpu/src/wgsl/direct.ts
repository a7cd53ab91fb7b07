/**
 * The loop over k of a thread that reads both factors from their buffers, one k at a time. A driver on the CPU computes a vector
 * of threads at once and reads for each of them in turn, with a check of its bounds: reads cost most, and their code is long. So
 * a thread keeps many rows and columns, each number is read once, four at a time where rows or columns lie together, and the body
 * of the innermost loop is short enough to stay in the processor's caches and to be compiled quickly.
 */
import type { Factor, Gemm } from './gemm';

const FOUR = [0, 1, 2, 3] as const;

interface Names {
  /** The factor, A or B. */
  name: 'A' | 'B';
  factor: Factor;
  /** WGSL of the first of each four rows or columns of the thread. */
  starts: readonly string[];
}

/** True if four rows or columns lie together and are read at once. */
export const readsFour = ({ vector, along }: Factor): boolean => vector && along === 'own';

/** The places that a thread reads from: one for each four that lie together, else one for each row or column. */
function places({ name, factor, starts }: Names): { id: string; own: string }[] {
  return starts.flatMap((start, v) =>
    readsFour(factor)
      ? [{ id: `${name}${v}`, own: start }]
      : FOUR.map((i) => ({ id: `${name}${v}_${i}`, own: `${start} + ${i}u` })),
  );
}

/** Reads at a place of the buffer, or zero. */
function reader({ name, factor }: Names): string {
  const [type, at] = readsFour(factor) ? ['vec4<f32>', 'u32(at) / 4'] : ['f32', 'u32(at)'];
  return `${factor.direct()}
fn read${name}(at: i32) -> ${type} { return select(${type}(0), ${type}(${name.toLowerCase()}[${at}]), at >= 0); }`;
}

/** The loop, as the staged one: WGSL of its functions and its code, which adds to c0_0, c0_1 … (row, vector of four columns). */
export function directLoop(rows: number, vectors: number, { tile, a, b, line }: Gemm) {
  const count = (n: number) => Array.from({ length: n }, (_, i) => i);
  const both: Names[] = [
    { name: 'A', factor: a, starts: count(rows / 4).map((v) => `startA + ty * ${rows}u + ${v * 4}u`) },
    { name: 'B', factor: b, starts: count(vectors).map((v) => `startB + (tx + ${v * tile.threadsN}u) * 4u`) },
  ];
  const before: string[] = [];
  const perLine: string[] = [];
  const perK: string[] = [];
  for (const of of both) {
    const { name } = of;
    // Beyond the end the last rows are computed again, and not stored.
    const last = `end${name} - ${readsFour(of.factor) ? 4 : 1}u`;
    for (const { id, own } of places(of)) {
      before.push(`let own${id} = min(${own}, ${last});`, `let pre${id} = prepare${name}(own${id});`);
      perLine.push(`let line${id} = line${name}(pre${id}, own${id}, outer);`);
      perK.push(`let one${id} = read${name}(at${name}(line${id}, i));`);
    }
  }
  for (const v of count(vectors)) {
    const four = FOUR.map((i) => `oneB${v}_${i}`).join(', ');
    perK.push(`let b${v} = ${readsFour(b) ? `oneB${v}` : `vec4<f32>(${four})`};`);
  }
  for (const r of count(rows)) {
    const [v, i] = [Math.floor(r / 4), r % 4];
    perK.push(`let a${r} = vec4<f32>(${readsFour(a) ? `oneA${v}[${i}]` : `oneA${v}_${i}`});`);
    for (const v of count(vectors)) perK.push(`c${r}_${v} = fma(a${r}, b${v}, c${r}_${v});`);
  }
  return {
    memory: '',
    functions: `fn lineLength() -> u32 { return ${line}; }\n${both.map(reader).join('\n')}`,
    code: `  ${before.join('\n  ')}
  for (var outer = kBegin / lineLength(); outer * lineLength() < kEnd; outer++) {
    let first = outer * lineLength();
    let begin = max(kBegin, first) - first;
    let end = min(kEnd - first, lineLength());
    ${perLine.join('\n    ')}
    for (var i = begin; i < end; i++) {
      ${perK.join('\n      ')}
    }
  }`,
  };
}
