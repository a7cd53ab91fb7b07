/** Parts of a tensor, for a reduction to one number: each is bound at once, and its workgroups write a number each. */
import type { Operand, VggWebgpuBackend } from '../backend';
import type { Binding } from '../runner';
import { GROUP } from '../wgsl/total';
import { rangeOf } from './ranges';

/** Largest number of workgroups for a tensor, and numbers or vectors of each of their threads from which on there are several. */
const MOST_GROUPS = 256;
/** Workgroups on a CPU, which takes turns between the threads of one at each step of its sum. */
const FEW_GROUPS = 8;
const PER_THREAD = 16;

export interface Part {
  binding: Binding;
  count: number;
  groups: number;
  /** True if its numbers are read four at a time. */
  vector: boolean;
}

export function partsOf(backend: VggWebgpuBackend, operand: Operand): Part[] {
  const most = Math.floor(backend.bindingLimit / 4 / GROUP) * GROUP;
  const parts: Part[] = [];
  for (let from = 0; from < operand.count; from += most) {
    const count = Math.min(most, operand.count - from);
    const vector = count % 4 === 0;
    const reads = vector ? count / 4 : count;
    const groups = Math.min(backend.software ? FEW_GROUPS : MOST_GROUPS, Math.ceil(reads / (GROUP * PER_THREAD)));
    const binding = count === operand.count ? { buffer: operand.buffer } : rangeOf(operand, from, count);
    parts.push({ binding, count, groups, vector });
  }
  return parts;
}
