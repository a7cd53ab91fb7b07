import { describe, expect, it } from 'vitest';
import { memoryJob, singleProcess } from '../src';
import { CONTRACT, disagreement } from './communicator-contract';

const JOBS = [
  ['one process', () => [singleProcess]],
  ...[1, 2, 3, 4, 5].map((size) => [`a job in memory with ${size} ranks`, () => memoryJob(size)] as const),
] as const;

describe.each(JOBS)('%s', (_, makeJob) => {
  it.each(CONTRACT)('$name', async ({ check }) => {
    await Promise.all(makeJob().map(check));
  });

  it('closes together', async () => {
    await Promise.all(makeJob().map((communicator) => communicator.close()));
  });
});

describe('ranks of a job in memory', () => {
  it('that disagree are found and named', async () => {
    const messages = await Promise.all(memoryJob(3).map(disagreement));
    for (const message of messages) {
      expect(message).toMatch(
        /^ranks disagree at call 0: rank \d calls allReduceSum of 2 .*, rank 2 calls .* of 9 numbers/,
      );
    }
  });

  it('all fail when one ends the job', async () => {
    const [first, second] = memoryJob(2);
    const waiting = first!.barrier();
    expect(() => second!.abort(3)).toThrow('rank 1 ended the job with exit code 3');
    await expect(waiting).rejects.toThrow('rank 1 ended the job with exit code 3');
  });
});

it('one process that ends its job throws', () => {
  expect(() => singleProcess.abort(1)).toThrow('the job ends with exit code 1');
});
