/** A study on several processes: its nets and their posteriors have the bytes of one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtLibraries } from '@vgg/mpi';
import { describe, expect, it } from 'vitest';
import { home, images, trainer } from './command-line';

const MPI = builtLibraries();
const reason = MPI.length > 0 ? '' : ' (skipped: @vgg/mpi is not built, install openmpi-bin and libopenmpi-dev)';

const NET = join('nets', 'A-256');
const words = (data: string, out: string) => [
  ...['paper', '--data', data, '--configs', 'A', '--scales', '256', '--seeds', '1', '--budget', '1h', '--epochs', '3'],
  ...['--width', '0.0625', '--input', '32', '--batch', '8', '--micro-batch', '2', '--workers', '1', '--engine', 'wasm'],
  ...['--out', out],
];

/** Weights and posteriors of the study's net. */
const bytesOf = (study: string) =>
  ['model.safetensors', 'posteriors.safetensors'].map((file) => readFileSync(join(home, study, NET, file)));

describe.skipIf(MPI.length === 0)(`paper --ranks${reason}`, () => {
  /** The last of the MPIs that are there continues what the first has begun. */
  const by = (ranks: number, library: string) => ['--ranks', String(ranks), '--mpirun', `mpirun.${library}`];

  it('is stopped while it trains and while it evaluates, and ends with the bytes of one process', async () => {
    const data = await images(4, 4);
    const saved = expect.stringMatching(/stopping: .*saved; continue with: .*paper --resume/s);
    const first = await trainer([...words(data, 'study'), ...by(2, MPI[0]!)], (text, kill) => {
      if (/training on 2 ranks/.test(text)) kill('SIGINT');
    });
    expect([first.code, first.stderr]).toEqual([130, saved]);
    const second = await trainer(['paper', '--resume', 'study', ...by(3, MPI.at(-1)!)], (text, kill) => {
      if (/evaluating A-256 densely/.test(text)) kill('SIGINT');
    });
    expect([second.code, second.stderr]).toEqual([130, saved]);
    expect(first.stderr + second.stderr).not.toContain('error: ');
    const third = await trainer(['paper', '--resume', 'study', ...by(2, MPI[0]!)]);
    expect([third.code, third.stderr]).toEqual([0, expect.stringContaining('it is carried out by 2 ranks')]);
    expect(third.stdout).toContain('## Table 3');
    expect((await trainer(words(data, 'alone'))).code).toBe(0);
    expect(bytesOf('study')).toEqual(bytesOf('alone'));
  });

  it('says once what is wrong with its options', async () => {
    const { code, stderr } = await trainer([...words(join(home, 'nowhere'), 'none'), ...by(2, MPI[0]!)]);
    expect([code, stderr.split('\n').filter((line) => line.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(/^error: rank 0 .*nowhere/)],
    ]);
  });
});
