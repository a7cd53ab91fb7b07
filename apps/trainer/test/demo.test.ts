/** `train` without images: the demo, with few images. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEMO_IMAGES, makeDemoImages } from '@vgg/data/node';
import type { Evaluation } from '@vgg/eval';
import { beforeAll, describe, expect, it } from 'vitest';
import { home, TINY, trainer } from './command-line';

/** Draws few images, and labels them as those of the demo. */
beforeAll(async () => {
  const folder = join(home, 'runs', 'demo-images');
  await makeDemoImages(folder, { train: 2, validation: 1, seed: 1 });
  const label = join(folder, 'demo.json');
  await writeFile(label, JSON.stringify({ ...JSON.parse(await readFile(label, 'utf8')), ...DEMO_IMAGES }));
});

const SMALL = ['train', ...TINY, '--scale', '32:48', '--batch', '4', '--epochs', '1'];

/** Returns the rows of a run's own results in its folder. */
async function resultsOf(run: string): Promise<{ protocol: string; top1: number }[]> {
  return JSON.parse(await readFile(join(home, run, 'evaluation.json'), 'utf8')).rows;
}

describe('the demo', () => {
  it('trains two nets and evaluates each and their fusion under every protocol', async () => {
    const { code, stdout, stderr } = await trainer([...SMALL, '--out', 'whole', '--json']);
    expect(stderr).toMatch(/the second is the same net with other random numbers/);
    expect(code).toBe(0);
    const { evaluation } = JSON.parse(stdout) as { evaluation: Evaluation };
    const nets = [...new Set(evaluation.rows.map((row) => row.nets.map((net) => net.split('/').at(-1)).join('+')))];
    expect(nets).toEqual(['whole', 'whole-second', 'whole+whole-second']);
    expect(evaluation.rows).toHaveLength(3 * 4 * 4);
    const seeds = await Promise.all(
      ['whole', 'whole-second'].map(async (run) => JSON.parse(await readFile(join(home, run, 'run.json'), 'utf8'))),
    );
    expect(seeds.map(({ recipe }) => recipe.seed)).toEqual([1, 2]);
    // Each run keeps its own results.
    for (const [i, run] of ['whole', 'whole-second'].entries()) {
      const own = evaluation.rows
        .slice(16 * i, 16 * (i + 1))
        .map(({ protocol, top1Error }) => ({ protocol, top1Error }));
      const kept = (await resultsOf(run)).filter(({ protocol }) => protocol !== undefined);
      expect(kept.map(({ protocol, top1 }) => ({ protocol, top1Error: top1 }))).toEqual(own);
    }
  });

  it('continues with the second net after an interruption, and prints one table', async () => {
    const stopped = await trainer([...SMALL, '--epochs', '3', '--out', 'runs/stopped'], (text, kill) => {
      // The first epoch of the second net is over.
      if (text.split('epoch 1/3 training loss').length === 3) kill('SIGINT');
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/the second net is saved; continue with: \S.* train --resume \S+\/runs\/stopped$/m);
    const { code, stdout } = await trainer(['train', '--resume', '--engine', 'wasm']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\| top-1 error % \| Q +\| one crop \| +dense \| multi-crop \| dense and multi-crop \|$/m);
    expect(stdout.match(/^\| (first net|second net|both nets) /gm)).toHaveLength(12);
    const again = await trainer(['train', '--resume', 'runs/stopped', '--engine', 'wasm']);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/there is nothing left to train/) });
  });
});
