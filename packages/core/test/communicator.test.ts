import { expect, it } from 'vitest';
import { singleProcess } from '../src';

it('one process needs no communication: every collective leaves the buffer as it is', async () => {
  const buffer = Float32Array.of(1, 2, 3);
  await singleProcess.allReduceSum(buffer);
  await singleProcess.broadcast(buffer, 0);
  await singleProcess.barrier();
  await singleProcess.close();
  expect([...buffer]).toEqual([1, 2, 3]);
  expect([singleProcess.rank, singleProcess.size]).toEqual([0, 1]);
});
