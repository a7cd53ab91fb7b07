/**
 * The order in which the terms of a sum are added. Float addition rounds, so the order decides the bits. Terms are added in
 * a binary tree over their index that depends only on their number: node j at depth d holds the terms from ceil(j·n/2^d) up to
 * ceil((j + 1)·n/2^d). Ranks hold consecutive terms, so the sum has the same bits for any number of ranks.
 */

/** Consecutive terms: from `first` up to but not including `end`. */
export interface TermRange {
  first: number;
  end: number;
}

/** Returns the terms that a rank adds up: all ranks hold as many, up to one. With fewer terms than ranks, some hold none. */
export function shareOf(count: number, rank: number, size: number): TermRange {
  return { first: Math.ceil((rank * count) / size), end: Math.ceil(((rank + 1) * count) / size) };
}

/** Returns the largest nodes of the tree over `count` terms that together are the range. */
export function nodesOf(count: number, range: TermRange): TermRange[] {
  const nodes: TermRange[] = [];
  const visit = (index: number, parts: number): void => {
    const node = shareOf(count, index, parts);
    if (node.first >= node.end || node.end <= range.first || node.first >= range.end) return;
    if (node.first >= range.first && node.end <= range.end) {
      nodes.push(node);
      return;
    }
    visit(2 * index, 2 * parts);
    visit(2 * index + 1, 2 * parts);
  };
  visit(0, 1);
  return nodes;
}

/** Adds up consecutive terms in the order of the tree. */
export class TreeSum<T> {
  readonly #count: number;
  readonly #add: (left: T, right: T) => T;
  readonly #range: TermRange;
  readonly #sums: T[] = [];

  /**
   * @param count number of all terms of the sum.
   * @param first index of the first term that is pushed.
   * @param add adds two sums and takes them over.
   */
  constructor(count: number, first: number, add: (left: T, right: T) => T) {
    this.#count = count;
    this.#range = { first, end: first };
    this.#add = add;
  }

  /** Partial sums, one per node of {@link nodesOf} for the terms pushed so far. */
  get parts(): readonly T[] {
    return this.#sums;
  }

  /** Partial sums that the next term is added to: first to the last of them, then the sum to the one before, and so on. */
  get next(): readonly T[] {
    const { first, end } = this.#range;
    return this.#sums.slice(nodesOf(this.#count, { first, end: end + 1 }).length - 1);
  }

  /** Takes the partial sum of the next `terms` terms. Default 1. */
  push(sum: T, terms = 1): void {
    this.#range.end += terms;
    this.#sums.push(sum);
    const nodes = nodesOf(this.#count, this.#range).length;
    while (this.#sums.length > nodes) {
      const right = this.#sums.pop()!;
      this.#sums.push(this.#add(this.#sums.pop()!, right));
    }
  }
}

/** Number of partial sums of each rank, and how the partial sums of all ranks are added. */
export interface SumPlan {
  /** [size]. */
  parts: Int32Array;
  /** Number of times that the last two sums are added, after each partial sum in the order of ranks. */
  merges: Int32Array;
}

/** Returns how `size` ranks add up `count` terms. */
export function sumPlan(count: number, size: number): SumPlan {
  const nodes = Array.from({ length: size }, (_, rank) => nodesOf(count, shareOf(count, rank, size)));
  let merged = 0;
  const sum = new TreeSum<undefined>(count, 0, () => {
    merged += 1;
    return undefined;
  });
  const merges = nodes.flat().map(({ first, end }) => {
    merged = 0;
    sum.push(undefined, end - first);
    return merged;
  });
  return { parts: Int32Array.from(nodes, ({ length }) => length), merges: Int32Array.from(merges) };
}
