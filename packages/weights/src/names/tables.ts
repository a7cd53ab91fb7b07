/** Tables of nets that are not those of the paper, from the names and shapes of their convolutions in a file. */
import type { TableEntry, VggTable } from '@vgg/models';
import type { TensorInfo } from '../sources/source';
import { KERAS } from './keras';
import { type Naming, OWN } from './naming';
import { TORCHVISION } from './pytorch';

/** Convolution of a file. */
interface Convolution {
  readonly shape: readonly number[];
  /** True if a max-pool follows it. */
  readonly pooled: boolean;
}

/** Returns the entry of a convolution, from its shape in HWIO or OIHW. */
function entryOf(shape: readonly number[], outputsFirst: boolean): TableEntry | undefined {
  const [filters, height, width] = outputsFirst ? [shape[0], shape[2], shape[3]] : [shape[3], shape[0], shape[1]];
  if (shape.length !== 4 || height !== width || (height !== 1 && height !== 3)) return undefined;
  return height === 3 ? filters! : { filters: filters!, kernel: 1 };
}

/**
 * Returns the convolutions of torchvision's `features`. Convolution, batch norm, ReLU and pool have consecutive numbers, so
 * a gap between two convolutions shows a pool.
 */
function numbered(tensors: ReadonlyMap<string, TensorInfo>): Convolution[] {
  const found = [...tensors].flatMap(([name, { shape }]) => {
    const index = /^features\.(\d+)\.weight$/.exec(name)?.[1];
    return index !== undefined && shape.length === 4 ? [{ index: Number(index), shape }] : [];
  });
  found.sort((a, b) => a.index - b.index);
  const modules = tensors.has('features.1.running_var') ? 3 : 2;
  return found.map(({ index, shape }, i) => {
    const next = found[i + 1];
    return { shape, pooled: next === undefined || next.index - index > modules };
  });
}

/** Returns the convolutions whose names have the number of their stage: `conv3_2`, `block3_conv2`. */
function staged(tensors: ReadonlyMap<string, TensorInfo>, pattern: RegExp): Convolution[] {
  const found = [...tensors].flatMap(([name, { shape }]) => {
    const [, stage, number] = pattern.exec(name) ?? [];
    return number === undefined ? [] : [{ stage: Number(stage), number: Number(number), shape }];
  });
  found.sort((a, b) => a.stage - b.stage || a.number - b.number);
  return found.map(({ stage, shape }, i) => ({ shape, pooled: found[i + 1]?.stage !== stage }));
}

/**
 * Returns the table of the convolutions in a file; undefined if there is none. A pool is assumed after the last of them,
 * since no tensor shows it.
 *
 * @param tensors the file's tensors without the prefix of the net.
 */
export function tableOf(naming: Naming, tensors: ReadonlyMap<string, TensorInfo>): VggTable | undefined {
  let found: Convolution[] = [];
  if (naming === TORCHVISION) found = numbered(tensors);
  else if (naming === OWN) found = staged(tensors, /^conv(\d+)_(\d+)\.weight$/);
  else if (KERAS.includes(naming)) found = staged(tensors, /^block(\d+)_conv(\d+)\/.*(?:kernel(?::0)?|_W_1:0)$/);
  const table: TableEntry[] = [];
  for (const { shape, pooled } of found) {
    const entry = entryOf(shape, naming === TORCHVISION);
    if (entry === undefined) return undefined;
    table.push(entry);
    if (pooled) table.push('pool');
  }
  return table.length === 0 ? undefined : table;
}
