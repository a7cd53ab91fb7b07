/** Programs started on several ranks. The faults of machines and daemons are those of `tools/proofs/mpi.mjs`. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launch } from '../src/index';
import { LAUNCHERS, reason } from './mpi';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'launch-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const node = (source: string) => [process.execPath, '-e', source, home];

describe.skipIf(LAUNCHERS.length === 0)(`launch${reason}`, () => {
  it.each(LAUNCHERS)('runs a program on every rank and returns its exit code: %s', async (_, mpirun) => {
    const write = "require('fs').writeFileSync(require('path').join(process.argv[1], String(process.pid)), '')";
    expect(await launch(node(write), { ranks: 2, mpirun })).toBe(0);
    expect(readdirSync(home)).toHaveLength(2);
  });

  it('leaves no listener for signals', async () => {
    const [[, mpirun]] = LAUNCHERS as [(typeof LAUNCHERS)[number]];
    const before = process.listenerCount('SIGINT');
    await launch(node(''), { ranks: 1, mpirun });
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  it('refuses a launcher that is not there', async () => {
    await expect(launch(node(''), { ranks: 2, mpirun: './mpirun' })).rejects.toThrow(
      /^starting ranks needs an mpirun of .*found no mpirun in \.\/mpirun/,
    );
  });
});
