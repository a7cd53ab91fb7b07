/** The contract of every communicator, kept over MPI by real processes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTRACT } from '../../core/test/communicator-contract';
import { bundlePrograms, LAUNCHERS, type Outcome, type Programs, reason } from './mpi';

let programs: Programs;
beforeAll(async () => {
  programs = await bundlePrograms();
});
afterAll(() => programs.dispose());

const PROGRAM = `
  import { joinJob } from './mpi.mjs';
  import { CONTRACT } from './contract.mjs';
  const communicator = await joinJob();
  const outcomes = [];
  for (const { name, check } of CONTRACT) {
    outcomes.push(await check(communicator).then(() => 'kept', (error) => error.message));
  }
  const all = await communicator.allGather(Buffer.from(JSON.stringify(outcomes)));
  if (communicator.rank === 0) console.log(JSON.stringify(all.map((bytes) => JSON.parse(bytes.toString()))));
  await communicator.close();
`;

const JOBS = LAUNCHERS.flatMap((launcher) => [1, 2, 3, 4].map((ranks) => [launcher[0], ranks, launcher] as const));

describe.skipIf(JOBS.length === 0)(`communicators over MPI${reason}`, () => {
  describe.each(JOBS)('%s, %i ranks', (_, ranks, launcher) => {
    let outcome: Outcome;
    beforeAll(async () => {
      outcome = await programs.run(launcher, ranks, PROGRAM);
    });

    it('end well', () => {
      expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: '' });
    });

    it.each(CONTRACT.map(({ name }, i) => [name, i] as const))('%s', (_name, i) => {
      const outcomes = JSON.parse(outcome.stdout) as string[][];
      expect(outcomes.map((ofRank) => ofRank[i])).toEqual(Array.from({ length: ranks }, () => 'kept'));
    });
  });
});
