/** Runs sums over rows: ranges of rows first, then over their partial sums, always in the same order. */
import type { Operand, VggWebgpuBackend } from '../backend';
import { COLUMNS, columnsShader, ROWS } from '../wgsl/columns';
import type { Mode } from '../wgsl/flat';
import { uniformWords } from './flat';
import { rangeOf, rowsThatFit } from './ranges';

export interface ColumnSums {
  name: string;
  inputs: readonly { operand: Operand; mode?: Mode }[];
  rows: number;
  columns: number;
  body: string;
  uniforms?: Readonly<Record<string, number>>;
  /** One buffer of `columns` numbers for each sum. */
  outputs: readonly GPUBuffer[];
}

/** The most partial sums of a column. */
const MOST_PARTS = 64;

export function runColumnSums(backend: VggWebgpuBackend, sums: ColumnSums): void {
  const { name, rows, columns, body, outputs, uniforms = {} } = sums;
  const inputs = sums.inputs.map(({ operand, mode = 'each' as Mode }) => ({ operand, mode }));
  const vector = columns % 4 === 0;
  const shader = {
    inputs: inputs.map(({ operand, mode }) => ({ storage: operand.half ? ('f16' as const) : ('f32' as const), mode })),
    body,
    sums: outputs.length,
    vector,
    uniforms: Object.keys(uniforms),
  };
  const key = [vector, ...shader.inputs.flatMap(({ storage, mode }) => [storage, mode])].join();
  const program = backend.runner.program(name, key, () => columnsShader(shader));
  const label = () => `${name} of ${inputs.map(({ operand }) => `[${operand.shape}]`).join(', ')}`;
  const wide = vector ? columns / 4 : columns;
  const whole = inputs
    .filter(({ mode }) => mode === 'each')
    .map(({ operand }) => rowsThatFit(backend, operand, columns));
  const most = whole.reduce<number>((least, fit) => Math.min(least, fit ?? rows), rows);
  const ranges = Math.ceil(rows / most);
  const partsOf = (count: number) => (count <= ROWS * 32 ? 1 : Math.min(MOST_PARTS, Math.ceil(count / (ROWS * 8))));
  let parts = 0;
  for (let r = 0; r < ranges; r++) parts += partsOf(Math.min(most, rows - r * most));
  const partial = parts === 1 ? outputs : outputs.map(() => backend.scratch(parts * columns));
  let base = 0;
  for (let from = 0; from < rows; from += most) {
    const some = Math.min(most, rows - from);
    const own = partsOf(some);
    const bind = (operand: Operand) =>
      some === rows ? { buffer: operand.buffer } : rangeOf(operand, from * columns, some * columns);
    backend.runner.run({
      program,
      bindings: [
        ...partial.map((buffer) => ({ buffer })),
        ...inputs.map(({ operand, mode }) => (mode === 'each' ? bind(operand) : { buffer: operand.buffer })),
      ],
      uniforms: uniformWords([some, wide, Math.ceil(some / own), base], uniforms),
      groups: [Math.ceil(wide / COLUMNS), own, 1],
      label,
    });
    base += own;
  }
  if (parts === 1) return;
  for (const [j, buffer] of partial.entries()) {
    const operand = { buffer, half: false, shape: [parts, columns], count: parts * columns };
    const last = { name: 'PartialSum', inputs: [{ operand }], rows: parts, columns, outputs: [outputs[j]!] };
    runColumnSums(backend, { ...last, body: 'let r0 = v0;' });
    backend.release(buffer);
  }
}
