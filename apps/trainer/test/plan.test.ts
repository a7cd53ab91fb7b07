/** The settings of a planned run: given, of a small net, of the weights. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemoImages } from '@vgg/data/node';
import { resolveOptions } from '@vgg/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planRun } from '../src/run/prepare';
import { optionsOf, terminal } from './options';

const folder = mkdtempSync(join(tmpdir(), 'plan-'));
const images = join(folder, 'images');

beforeAll(() => makeDemoImages(images, { train: 2, validation: 1, seed: 1 }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function planned(...words: string[]) {
  const options = await optionsOf('--data', images, '--engine', 'wasm', '--workers', '0', ...words);
  return (await planRun(options, terminal)).recipe;
}

describe('the small net of a folder alone', () => {
  it('has a warm-up that fits the epochs and the batch that are given', async () => {
    expect(await planned()).toMatchObject({ epochs: 60, batch: 20, warmUp: 15 });
    expect(await planned('--epochs', '1')).toMatchObject({ epochs: 1, warmUp: 0.25 });
    expect(await planned('--epochs', '2')).toMatchObject({ epochs: 2, warmUp: 0.5 });
    expect(await planned('--batch', '2')).toMatchObject({ epochs: 60, batch: 2, warmUp: 10 });
  });
});

describe('settings are checked', () => {
  it('with those of the small net', async () => {
    expect(await planned('--optimiser', 'muon')).toMatchObject({ optimiser: 'muon', batchNorm: true });
    expect(await planned('--final-rate', '0.001')).toMatchObject({ finalRate: 0.001, schedule: 'cosine' });
    await expect(planned('--final-rate', '0.06')).rejects.toThrow(/--final-rate 0.06 is above --rate 0.05/);
  });

  it('with those of the weights', async () => {
    const run = join(folder, 'run');
    mkdirSync(run);
    const net = resolveOptions({ configuration: 'A', batchNorm: true, width: 0.25, inputSize: 64, head: 'linear' });
    const record = { format: 'vgg-run', version: 1, net, classes: [], transform: { scale: [64, 80] }, recipe: {} };
    writeFileSync(join(run, 'run.json'), JSON.stringify(record));
    expect(await planned('--weights', run, '--scale', '80')).toMatchObject({ input: 64, scale: 80 });
    expect(await planned('--weights', run, '--optimiser', 'muon')).toMatchObject({ batchNorm: true });
    await expect(planned('--weights', run, '--scale', '60')).rejects.toThrow(
      /--scale 60 is below the crop, --input 64/,
    );
  });

  it('before the images are opened where nothing replaces them', async () => {
    const contradiction = ['--config', 'A', '--optimiser', 'muon', '--data', join(folder, 'nowhere')];
    await expect(planned(...contradiction)).rejects.toThrow(/works only with batch norm/);
  });
});
