/**
 * What every communicator must do, whatever carries its messages. Each check runs on all ranks at once and throws where the
 * contract is broken, so it can run inside the processes of a job too.
 */
import { type Communicator, randomStream, shareOf, TreeSum } from '../src';

function equal(actual: unknown, expected: unknown, what: string): void {
  const [got, wanted] = [actual, expected].map((value) => JSON.stringify(value));
  if (got !== wanted) throw new Error(`${what}: expected ${wanted}, got ${got}`);
}

/** Numbers of one term, whose sum depends on the order of additions. */
export function term(index: number, length: number): Float32Array {
  const stream = randomStream(5, 'contract', index);
  return Float32Array.from({ length }, () => stream.normal() * 10 ** (index % 4));
}

const addInto = (left: Float32Array, right: Float32Array) => {
  for (let i = 0; i < left.length; i++) left[i] = left[i]! + right[i]!;
  return left;
};

/** The sum of all terms, added by one process. */
function expectedSum(count: number, length: number): Float32Array {
  const tree = new TreeSum<Float32Array>(count, 0, addInto);
  for (let i = 0; i < count; i++) tree.push(term(i, length));
  return tree.parts[0]!;
}

function differences(a: Float32Array, b: Float32Array): number {
  return a.reduce((count, value, i) => count + Number(!Object.is(value, b[i])), 0);
}

async function sumTerms(communicator: Communicator, count: number, length: number): Promise<Float32Array> {
  const { first, end } = shareOf(count, communicator.rank, communicator.size);
  const tree = new TreeSum<Float32Array>(count, first, addInto);
  for (let i = first; i < end; i++) tree.push(term(i, length));
  const result = new Float32Array(length).fill(Number.NaN);
  await communicator.allReduceSum(result, { count, parts: tree.parts });
  return result;
}

export const CONTRACT: readonly { name: string; check: (communicator: Communicator) => Promise<void> }[] = [
  {
    name: 'has ranks from 0 to size - 1, and a place on its machine',
    async check({ rank, size, localRank, localSize, host }) {
      equal(
        [rank >= 0 && rank < size, localRank >= 0 && localRank < localSize, host !== ''],
        [true, true, true],
        'place',
      );
    },
  },
  {
    name: 'gathers bytes of any length in the order of ranks',
    async check(communicator) {
      const { rank, size } = communicator;
      const all = await communicator.allGather(new Uint8Array(rank * 3).fill(rank + 1));
      equal(
        all.map((bytes) => [...bytes]),
        Array.from({ length: size }, (_, i) => Array.from({ length: i * 3 }, () => i + 1)),
        'allGather',
      );
    },
  },
  {
    name: 'sums one buffer per rank in the fixed order',
    async check(communicator) {
      const { rank, size } = communicator;
      const buffer = term(rank, 1000);
      await communicator.allReduceSum(buffer);
      equal(differences(buffer, expectedSum(size, 1000)), 0, 'numbers that differ');
    },
  },
  {
    name: 'sums any number of terms to the bits of one process, fewer than ranks too',
    async check(communicator) {
      for (const count of [1, 2, 3, 5, 8, 12]) {
        for (const length of [0, 1, 2, 7, 4099]) {
          const sum = await sumTerms(communicator, count, length);
          equal(differences(sum, expectedSum(count, length)), 0, `differences of ${count} terms of ${length} numbers`);
        }
      }
    },
  },
  {
    name: 'sums buffers of millions of numbers, several calls at once',
    async check(communicator) {
      const { rank, size } = communicator;
      const lengths = [3_000_001, 10, 1_500_000];
      const buffers = lengths.map((length, i) => Float32Array.from({ length }, (_, j) => ((j * 7 + i) % 1000) + rank));
      await Promise.all(buffers.map((buffer) => communicator.allReduceSum(buffer)));
      const ranks = (size * (size - 1)) / 2;
      const wrong = buffers.map((buffer, i) =>
        buffer.reduce((count, value, j) => count + Number(value !== ((j * 7 + i) % 1000) * size + ranks), 0),
      );
      equal(wrong, [0, 0, 0], 'wrong numbers');
    },
  },
  {
    name: 'keeps the sign of zero and what is not finite',
    async check(communicator) {
      const buffer = Float32Array.of(-0, Number.NaN, Number.POSITIVE_INFINITY);
      await communicator.allReduceSum(buffer);
      equal([Object.is(buffer[0], -0), buffer[1], buffer[2]], [true, Number.NaN, Number.POSITIVE_INFINITY], 'sum');
    },
  },
  {
    name: 'broadcasts from any rank, numbers and bytes',
    async check(communicator) {
      for (let root = 0; root < communicator.size; root++) {
        const numbers = Float32Array.from({ length: 5 }, (_, i) => communicator.rank * 10 + i);
        await communicator.broadcast(numbers, root);
        equal(
          [...numbers],
          [0, 1, 2, 3, 4].map((i) => root * 10 + i),
          `broadcast from ${root}`,
        );
        const bytes = new Uint8Array(3).fill(communicator.rank);
        await communicator.broadcast(bytes, root);
        equal([...bytes], [root, root, root], `bytes from ${root}`);
      }
    },
  },
  {
    name: 'lets no rank pass a barrier before all have come',
    async check(communicator) {
      const late = communicator.rank === communicator.size - 1 ? 100 : 0;
      const began = Date.now();
      await communicator.barrier();
      await new Promise((resolve) => setTimeout(resolve, late));
      await communicator.barrier();
      const passed = communicator.size === 1 || Date.now() - began >= 95;
      equal(passed, true, 'the last rank came first');
      const { seconds, byRank } = communicator.waiting();
      equal([seconds >= 0, byRank.length], [true, communicator.size], 'waiting');
    },
  },
  {
    name: 'refuses terms that are not those of its share',
    async check(communicator) {
      const wrong = { count: communicator.size, parts: [new Float32Array(2), new Float32Array(2)] };
      const message = await communicator.allReduceSum(new Float32Array(2), wrong).then(
        () => 'no error',
        (error: Error) => error.message,
      );
      equal(/expected 1 partial sum/.test(message), true, message);
      await communicator.barrier();
    },
  },
];

/** Ranks that disagree: the last rank makes another call. Breaks the job. */
export async function disagreement(communicator: Communicator): Promise<string> {
  const last = communicator.rank === communicator.size - 1;
  const call = communicator.allReduceSum(new Float32Array(last ? 9 : 2));
  return await call.then(
    () => 'no error',
    (error: Error) => error.message,
  );
}
