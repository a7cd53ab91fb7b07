/** Runs on several processes, by every MPI that is there. Faults are tools/proofs/mpi.mjs's. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtLibraries } from '@vgg/mpi';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLI, home, images, TINY, trainer } from './command-line';

const MPI = builtLibraries();
const reason = MPI.length > 0 ? '' : ' (skipped: @vgg/mpi is not built, install openmpi-bin and libopenmpi-dev)';

let data: string;
beforeAll(async () => {
  data = await images();
  await trainer(words('alone'));
});

const words = (out: string) => [
  ...['train', '--data', data, ...TINY, '--batch-norm', '--batch', '8', '--micro-batch', '2', '--epochs', '2'],
  ...['--out', join(home, out)],
];

/** Arguments of mpirun that start two ranks on this machine. */
const PLACING = [
  ...(MPI[0] === 'openmpi' ? ['--oversubscribe', ...(process.getuid?.() === 0 ? ['--allow-run-as-root'] : [])] : []),
  ...['-n', '2'],
];

/** Weights and newest checkpoint of a run. */
function bytesOf(run: string): Buffer[] {
  const folder = join(home, run, 'checkpoints');
  const newest = readdirSync(folder).sort().at(-1)!;
  return [readFileSync(join(home, run, 'model.safetensors')), readFileSync(join(folder, newest))];
}

describe.skipIf(MPI.length === 0)(`train --ranks${reason}`, () => {
  it.each(MPI.flatMap((library) => [2, 3].map((ranks) => [library, ranks] as const)))(
    'gives the bytes of one process: %s, %i ranks',
    async (library, ranks) => {
      const run = `${library}-${ranks}`;
      const more = ['--ranks', String(ranks), '--mpirun', `mpirun.${library}`];
      const together = await trainer([...words(run), ...more]);
      expect([together.code, together.stderr]).toEqual([0, expect.stringContaining(`training on ${ranks} ranks`)]);
      expect(bytesOf(run)).toEqual(bytesOf('alone'));
    },
  );

  it('saves on Ctrl-C and continues on one process to the same bytes', async () => {
    const first = await trainer([...words('stopped'), '--ranks', '2'], (text, kill) => {
      if (text.includes('epoch 1/2')) kill('SIGINT');
    });
    expect([first.code, first.stderr]).toEqual([130, expect.stringMatching(/saved after step \d+; .*--resume/)]);
    expect((await trainer(['train', '--resume', join(home, 'stopped')])).code).toBe(0);
    expect(bytesOf('stopped')).toEqual(bytesOf('alone'));
  });

  it('says in one line, once, what is wrong with the input', async () => {
    const { code, stderr } = await trainer([...words('wrong'), '--ranks', '2', '--batch', '7']);
    expect([code, stderr.split('\n').filter((line) => line.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(/^error: rank 0 \(.+\): --batch 7 is not a multiple of --micro-batch 2/)],
    ]);
  });

  it.each(['--dry-run', '--find-rate'])('refuses %s, which runs on one process', async (option) => {
    const line = new RegExp(`${option} runs on one process, got 2 ranks`);
    const asked = await trainer([...words('none'), '--ranks', '2', option]);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(line)]);
    expect(asked.stderr.trim().split('\n')).toHaveLength(1);
    const { status, stderr } = spawnSync(
      `mpirun.${MPI[0]}`,
      [...PLACING, process.execPath, CLI, ...words('none'), option],
      {
        encoding: 'utf8',
      },
    );
    expect([status, stderr.split('\n').filter((each) => each.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(line)],
    ]);
  });

  it('trains a smoke run on several ranks', async () => {
    const { code, stderr } = await trainer([...words('none'), '--ranks', '2', '--smoke']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('the smoke run worked')]);
  });

  it('refuses a launcher that is not there', async () => {
    const { code, stderr } = await trainer([...words('none'), '--ranks', '2', '--mpirun', './mpirun']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: starting ranks needs an mpirun of .*found no mpirun in/),
    ]);
  });
});
