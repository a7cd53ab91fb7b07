import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { extended, type Study } from '../src/paper/study';
import { home, images, trainer } from './command-line';

describe('a study with more time', () => {
  const trained = { 'A-256': { epochs: 3, seconds: 9, whole: 10 }, 'D-256': { epochs: 0, seconds: 0, whole: 0 } };
  const study = { settings: { budget: 60 }, trained, evaluated: true, notes: ['Left out'] } as unknown as Study;

  it('completes what it left out, and is evaluated further', () => {
    expect(extended(study, 90)).toEqual({
      settings: { budget: 90 },
      trained: { 'A-256': trained['A-256'] },
      evaluated: false,
    });
  });
});

describe('paper', () => {
  it('describes in its help in which order a short budget makes the study smaller', async () => {
    const { stdout } = await trainer(['paper', '--help']);
    expect(stdout).not.toContain('--task');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'first fewer epochs, down to 6 epochs and 500 steps; then fewer seeds, fewer nets, fewer epochs (3), fewer images',
    );
  });

  const words = ['--configs', 'A,B', '--scales', '256,384', '--width', '0.0625', '--input', '32', '--engine', 'wasm'];
  const small = ['--batch', '8', '--workers', '1', '--budget', '1h', '--epochs', '8', '--seeds', '1'];

  it('trains, evaluates, is interrupted and resumed, and prints the tables', async () => {
    const data = await images();
    const first = await trainer(['paper', '--data', data, ...words, ...small, '--out', 'study'], (text, kill) => {
      if (/net 2 of 4.*epoch 1\/8/s.test(text)) kill('SIGINT');
    });
    expect(first).toMatchObject({ code: 130, stdout: '' });
    expect(first.stderr).toMatch(/continue with: .* paper --resume .*study/);
    const before = JSON.parse(readFileSync(join(home, 'study', 'paper.json'), 'utf8'));
    expect(Object.keys(before.trained)).toEqual(['A-256']);

    const second = await trainer(['paper', '--resume', 'study'], (text, kill) => {
      if (/evaluating B-384 multi-crop/.test(text)) kill('SIGINT');
    });
    expect(second).toMatchObject({ code: 130, stdout: '' });
    expect(second.stderr).toMatch(/stopping: the study is being saved/);

    const resumed = await trainer(['paper', '--resume', 'study']);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).not.toMatch(/net \d of 4|evaluating A-384/);
    expect(resumed.stderr).toMatch(/evaluating B-384 multi-crop/);
    for (const number of [3, 4, 5, 6]) expect(resumed.stdout).toMatch(new RegExp(`## Table ${number}: `));
    expect(resumed.stdout).toMatch(
      /\| A +\| 37 +\| 37 +\| +8 \| +1 \| +\d+\.\d ± \d+\.\d \| .* 256 \| +29\.6 \| +10\.4 \|/,
    );
    expect(resumed.stdout).toMatch(/\| depth helps +\| A 37 +\| B 37 +\|/);
    expect(resumed.stdout).toMatch(/8 epochs, half of them at later scales \(paper: 74\)/);
    const after = JSON.parse(readFileSync(join(home, 'study', 'paper.json'), 'utf8'));
    expect(Object.keys(after.trained)).toEqual(['A-256', 'B-256', 'A-384', 'B-384']);
    expect(after.spent).toBeGreaterThan(before.spent);
    expect(after.tables).toHaveLength(5);
    expect(after.charts.length).toBeGreaterThan(2);
    expect(readFileSync(join(home, 'study', 'paper.md'), 'utf8')).toBe(resumed.stdout);
    const runOf = (net: string) =>
      JSON.parse(readFileSync(join(home, 'study', 'nets', net, 'run.json'), 'utf8')).recipe;
    expect(runOf('B-256')).toMatchObject({ config: 'B', scale: 37, preInit: join(home, 'study', 'nets', 'A-256') });
    expect(runOf('B-384')).toMatchObject({ scale: 55, rate: 0.005, weights: join(home, 'study', 'nets', 'B-256') });

    const fused = async (...nets: string[]) => {
      const runs = nets.flatMap((net) => ['--run', join('study', 'nets', net)]);
      const { stdout } = await trainer(['evaluate', ...runs, '--json', '--quiet', '--engine', 'wasm']);
      const { nets: _nets, perClass: _perClass, ...row } = JSON.parse(stdout).rows.at(-1);
      return row;
    };
    const both = await fused('A-256', 'A-384');
    expect(both.scales).toEqual([32, 37, 42, 50, 55, 60]);
    // The order of the nets is that of the sums, so the last digits may differ.
    const calibrationError = expect.closeTo(both.calibrationError, 12);
    expect(await fused('A-384', 'A-256')).toEqual({ ...both, calibrationError });

    const again = await trainer(['paper', '--data', data, ...words, '--out', 'study']);
    expect(again.stderr).toMatch(/already holds a study: choose another --out, or continue with --resume/);
    const no = await trainer(['paper', '--resume', 'images']);
    expect(no).toMatchObject({ code: 2 });
    expect(no.stderr).toMatch(/is not the folder of a study: expected paper\.json in it/);
    expect(existsSync(join(home, 'study', 'nets', 'A-256', 'report.html'))).toBe(true);
  });
});
