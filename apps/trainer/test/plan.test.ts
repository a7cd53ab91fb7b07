/** The settings of a planned run: given, of a small net, of the weights. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDemoImages } from '@vgg/data/node';
import { resolveOptions } from '@vgg/models';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { planRun } from '../src/run/plan';
import { prepareNew } from '../src/run/prepare';
import { optionsOf, said, terminal } from './options';

const PTH = fileURLToPath(new URL('../../../packages/weights/test/fixtures/pytorch/vgg11.pth', import.meta.url));

/** A small net in place of a published one, which would be downloaded. */
vi.mock('@vgg/weights/node', async (original) => ({
  ...(await original<typeof import('@vgg/weights/node')>()),
  fetchWeights: async () => PTH,
}));

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
    const contradiction = ['--config', 'A', '--optimiser', 'muon'];
    const options = await optionsOf('--data', join(folder, 'nowhere'), '--engine', 'wasm', ...contradiction);
    await expect(planRun(options, terminal)).rejects.toThrow(/works only with batch norm/);
  });
});

describe('a run from a published net', () => {
  it('names the net in its recipe, not the file to which it was downloaded', async () => {
    const out = join(folder, 'published');
    const words = ['--weights', 'vgg11.tv_in1k', '--out', out, '--data', images, '--engine', 'wasm', '--workers', '0'];
    const { folder: run, record, model } = await prepareNew(await optionsOf(...words), terminal);
    model.dispose();
    run.close();
    expect(record.recipe).toMatchObject({ weights: 'vgg11.tv_in1k', config: 'A', input: 64 });
    expect(readFileSync(join(out, 'recipe.yaml'), 'utf8')).toContain('\nweights: vgg11.tv_in1k\n');
    expect(said).toContainEqual(expect.stringMatching(/^starting from vgg11.tv_in1k, net A, width/));
  });

  it('is not taken for one where a file of this name is there', async () => {
    expect((await planned('--weights', PTH)).weights).toBe(PTH);
  });
});
