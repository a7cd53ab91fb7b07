/** A job whose ranks are parts of one program: tests of distributed code run without processes. */
import { type Communicator, checkTerms, type SumTerms } from './communicator';
import { VggError } from './errors';
import { nodesOf, shareOf, TreeSum } from './sum-order';

/** What one rank brings to a call. */
interface Arrival {
  call: string;
  value: unknown;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

function addInPlace(left: Float32Array, right: Float32Array): Float32Array {
  for (let i = 0; i < left.length; i++) left[i] = left[i]! + right[i]!;
  return left;
}

/** Returns the communicators of a job with `size` ranks. A call completes when all ranks have made it. */
export function memoryJob(size: number): Communicator[] {
  let arrivals = new Map<number, Arrival>();
  let calls = 0;
  let failure: VggError | undefined;

  function fail(error: VggError): void {
    failure = error;
    for (const { reject } of arrivals.values()) reject(error);
    arrivals = new Map();
  }

  const turns = Array.from({ length: size }, () => Promise.resolve<unknown>(undefined));

  /** Waits for all ranks and gives each what `combine` makes of their values. Calls of one rank run one after the other. */
  function meet<T>(rank: number, call: string, value: T, combine: (values: T[]) => unknown): Promise<unknown> {
    const result = turns[rank]!.then(() => arrive(rank, call, value, combine));
    turns[rank] = result.catch(() => undefined);
    return result;
  }

  function arrive<T>(rank: number, call: string, value: T, combine: (values: T[]) => unknown): Promise<unknown> {
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      arrivals.set(rank, { call, value, resolve, reject });
      const other = [...arrivals].find(([, arrival]) => arrival.call !== call);
      if (other !== undefined) {
        const named = [...arrivals].filter(([number]) => number === rank || number === other[0]);
        const clauses = named
          .sort(([a], [b]) => a - b)
          .map(([number, arrival]) => `rank ${number} calls ${arrival.call}`);
        fail(new VggError('state', `ranks disagree at call ${calls}: ${clauses.join(', ')}`));
        return;
      }
      if (arrivals.size < size) return;
      const all = Array.from({ length: size }, (_, number) => arrivals.get(number)!);
      arrivals = new Map();
      calls += 1;
      const result = combine(all.map((arrival) => arrival.value as T));
      for (const arrival of all) arrival.resolve(result);
    });
  }

  return Array.from(
    { length: size },
    (_, rank): Communicator => ({
      rank,
      size,
      localRank: rank,
      localSize: size,
      host: 'localhost',
      async allReduceSum(result: Float32Array, terms: SumTerms = { count: size, parts: [result] }) {
        checkTerms(result, terms, rank, size);
        const { count, parts } = terms;
        const name = `allReduceSum of ${result.length} numbers, ${count} terms`;
        const sum = await meet(rank, name, parts, (all) => {
          const tree = new TreeSum<Float32Array>(count, 0, addInPlace);
          for (const [number, partial] of all.entries()) {
            const nodes = nodesOf(count, shareOf(count, number, size));
            for (const [i, { first, end }] of nodes.entries()) tree.push(partial[i]!.slice(), end - first);
          }
          return tree.parts[0] ?? new Float32Array(result.length);
        });
        result.set(sum as Float32Array);
      },
      async broadcast(buffer, root) {
        const name = `broadcast of ${buffer.byteLength} bytes from rank ${root}`;
        const value = await meet(rank, name, buffer, (all) => all[root]!.slice());
        buffer.set(value as Uint8Array);
      },
      async allGather(bytes) {
        const all = await meet(rank, 'allGather', bytes.slice(), (values) => values);
        return (all as Uint8Array[]).map((values) => values.slice());
      },
      async barrier() {
        await meet(rank, 'barrier', undefined, () => undefined);
      },
      waiting: () => ({ seconds: 0, byRank: Array.from({ length: size }, () => 0) }),
      abort(exitCode) {
        const error = new VggError('state', `rank ${rank} ended the job with exit code ${exitCode}`);
        fail(error);
        throw error;
      },
      async close() {
        await meet(rank, 'close', undefined, () => undefined);
      },
    }),
  );
}
