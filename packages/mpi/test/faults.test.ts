/** Whatever happens to one rank, the job ends on all, soon, and one line says why. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundlePrograms, LAUNCHERS, type Outcome, type Programs, reason } from './mpi';

let programs: Programs;
beforeAll(async () => {
  programs = await bundlePrograms();
});
afterAll(() => programs.dispose());

/** Ends the job by the first error, as an application does. */
const JOIN = `
  import { joinJob } from './mpi.mjs';
  import { disagreement } from './contract.mjs';
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const communicator = await joinJob({ lostAfter: 2, lateAfter: 3 });
  const { rank, size, host } = communicator;
  const fail = (error) => {
    console.error('error: ' + error.message);
    communicator.abort(1);
  };
  process.on('uncaughtException', fail);
  const sums = async (count) => {
    for (let i = 0; i < count; i++) {
      await communicator.allReduceSum(new Float32Array(1000).fill(rank));
      await wait(5);
    }
  };
`;

const errorLines = ({ stderr }: Outcome) => stderr.split('\n').filter((line) => line.startsWith('error: '));

describe.skipIf(LAUNCHERS.length === 0).each(LAUNCHERS)(`a job of %s%s${reason}`, (library, command) => {
  const run = (ranks: number, source: string) => programs.run([library, command], ranks, JOIN + source);

  it('ends when a rank throws', async () => {
    const outcome = await run(
      3,
      `await sums(3); if (rank === 1) throw new Error('planned on rank 1'); await sums(1000);`,
    );
    expect(outcome.code).not.toBe(0);
    expect(errorLines(outcome)).toEqual(['error: planned on rank 1']);
    expect(outcome.seconds).toBeLessThan(10);
  });

  it.each([
    ['is killed', `process.kill(process.pid, 'SIGKILL')`],
    ['exits', 'process.exit(3)'],
  ])('ends when a rank %s', async (_, end) => {
    const outcome = await run(3, `await sums(3); if (rank === 1) ${end}; await sums(1000);`);
    expect(outcome.code).not.toBe(0);
    expect(outcome.seconds).toBeLessThan(10);
  });

  it('ends when a rank is stopped, though JavaScript waits for nothing', async () => {
    const outcome = await run(
      3,
      `await sums(3);
      if (rank === 1) process.kill(process.pid, 'SIGSTOP');
      for (const end = Date.now() + 20_000; Date.now() < end; );`,
    );
    expect(outcome.code).not.toBe(0);
    expect(errorLines(outcome)).toEqual([expect.stringMatching(/^error: rank 1 \(.+\) gave no sign of life for 2 s$/)]);
    expect(outcome.seconds).toBeLessThan(12);
  });

  it('ends when a rank stops before it has joined', async () => {
    const outcome = await programs.run(
      [library, command],
      2,
      `import { joinJob } from './mpi.mjs';
      if ((process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK) === '1') process.kill(process.pid, 'SIGSTOP');
      await joinJob({ joinAfter: 1 }).catch((error) => {
        console.error('error: ' + error.message);
        process.exitCode = 1;
      });`,
    );
    expect(outcome.code).not.toBe(0);
    expect(errorLines(outcome)).toEqual([
      'error: not all ranks have joined the job within 1 s: one of them has stopped, or cannot be reached',
    ]);
    expect(outcome.seconds).toBeLessThan(10);
  });

  it('ends when a rank is stopped while all leave', async () => {
    const outcome = await run(
      2,
      `const late = rank === 0 ? 1500 : 0;
      await wait(late);
      const left = communicator.close();
      await wait(500);
      if (rank === 1) process.kill(process.pid, 'SIGSTOP');
      await left;`,
    );
    expect(outcome.code).not.toBe(0);
    expect(errorLines(outcome)).toEqual(['error: not all ranks have left the job within 3 s: one of them has stopped']);
    expect(outcome.seconds).toBeLessThan(20);
  });

  it('ends when a rank lives but does not come', async () => {
    const outcome = await run(2, 'await sums(3); if (rank === 1) await wait(20_000); await sums(1);');
    expect(outcome.code).not.toBe(0);
    expect(errorLines(outcome)).toEqual([
      expect.stringMatching(
        /^error: rank 1 \(.+\) has not come to call 3, allReduceSum of 1000 numbers, 2 terms, for 3 s$/,
      ),
    ]);
  });

  it('waits for a rank that blocks its event loop for longer than that', async () => {
    const outcome = await run(
      2,
      `if (rank === 1) for (const end = Date.now() + 2600; Date.now() < end; );
      await sums(1);
      if (rank === 0) console.log(String(communicator.waiting().byRank[1] > 2));
      await communicator.close();`,
    );
    expect({ code: outcome.code, stdout: outcome.stdout.trim() }).toEqual({ code: 0, stdout: 'true' });
  });

  it('fails where ranks disagree, and names them', async () => {
    const outcome = await run(3, 'throw new Error(await disagreement(communicator));');
    expect(outcome.code).not.toBe(0);
    expect(errorLines(outcome)).toEqual([
      expect.stringMatching(
        /^error: ranks disagree at call 0: rank 0 \(.+\) calls allReduceSum of 2 numbers, 3 terms, rank 2 \(.+\) calls allReduceSum of 9 numbers, 3 terms$/,
      ),
    ]);
  });

  it('ends on all ranks with the exit code of abort', async () => {
    const outcome = await run(3, 'if (rank === 2) communicator.abort(7); await sums(1000);');
    expect(outcome.code).toBe(7);
    expect(outcome.seconds).toBeLessThan(10);
  });

  it('can be joined once, and not after it was left', async () => {
    const outcome = await run(
      2,
      `const again = await joinJob();
      await communicator.close();
      const message = await communicator.barrier().catch((error) => error.code + ' ' + error.message);
      if (rank === 0) console.log(String(again === communicator), message);`,
    );
    expect(outcome.stdout.trim()).toBe('true VGG_STATE this process has left the job: no call may follow close()');
    expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('costs a waiting rank little of a core, and its event loop nothing', async () => {
    const outcome = await run(
      2,
      `await sums(1);
      if (rank === 1) await wait(2000);
      const before = process.cpuUsage();
      let turns = 0;
      const timer = setInterval(() => { turns += 1; }, 10);
      await sums(1);
      clearInterval(timer);
      const { user, system } = process.cpuUsage(before);
      if (rank === 0) console.log(JSON.stringify([(user + system) / 2e6, turns]));
      await communicator.close();`,
    );
    const [share, turns] = JSON.parse(outcome.stdout) as [number, number];
    expect(share).toBeLessThan(0.2);
    expect(turns).toBeGreaterThan(50);
  });
});

describe('a process without a launcher', () => {
  it('cannot join', async () => {
    const { joinJob } = await import('../src');
    await expect(joinJob()).rejects.toThrow('expected a process that mpirun, mpiexec or srun has started');
  });
});

describe.skipIf(LAUNCHERS.length < 2)('the launcher of another MPI', () => {
  it.each(LAUNCHERS)('is refused: %s', async (library, command) => {
    const other = library === 'openmpi' ? 'OMPI_COMM_WORLD_SIZE' : 'PMI_RANK';
    const names: Record<string, string> = { OMPI_COMM_WORLD_SIZE: 'PMI_RANK', PMI_RANK: 'OMPI_COMM_WORLD_SIZE' };
    const pretend = `
      const size = process.env.${other === 'PMI_RANK' ? 'PMI_SIZE' : other};
      for (const name of Object.keys(process.env)) if (/^(OMPI_COMM_WORLD_SIZE|PMI_RANK|PMI_SIZE)$/.test(name)) delete process.env[name];
      process.env.${names[other]} = size; process.env.PMI_SIZE = size;
      const { joinJob } = await import('./mpi.mjs');
      const message = await joinJob().then(() => 'joined', (error) => error.message);
      process.stderr.write('error: ' + message + '\\n');
      process.exit(1);`;
    const outcome = await programs.run([library, command], 2, pretend);
    expect(outcome.code).not.toBe(0);
    expect(errorLines(outcome)[0]).toMatch(/started 2 processes, but MPI \(.+\) sees 1: use the mpirun of the MPI/);
  });
});
