/** The settings of a planned run: given, of a small net, of the weights. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemoImages } from '@vgg/data/node';
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
