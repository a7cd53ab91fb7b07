/**
 * The page, built from the packed packages, in headless Chromium: every engine of the browser computes the result of Node,
 * and nothing is written to the console.
 */
import '@tensorflow/tfjs-backend-cpu';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import { writeFileAtomically } from '@vgg/core/node';
import { classify, gradCam, netInput } from '@vgg/eval';
import { createVgg, heInitialiser } from '@vgg/models';
import { bytesOf, exportSafetensors, type LoadedNet, loadNet, openWeights, tensorsOf } from '@vgg/weights';
import type { Page } from 'puppeteer-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILD, CHROMIUM, openSite, type Site, status, WITHOUT } from './site';

const folder = mkdtempSync(join(tmpdir(), 'vgg-demo-'));
const model = join(folder, 'model');
const NAMES = ['disc', 'ring', 'square'];

/** Writes a net like that of the page, with random weights, and an image for each class. */
async function makeModel(): Promise<void> {
  mkdirSync(model);
  const options = {
    configuration: 'A',
    batchNorm: true,
    head: 'linear',
    inputSize: 63,
    width: 1 / 8,
    classes: 3,
  } as const;
  const net = createVgg(options, heInitialiser({ seed: 1 }));
  const description = { classes: NAMES, preprocessing: { mean: [120, 110, 100], scale: 70 } } as const;
  const file = exportSafetensors(tensorsOf(net), { dtype: 'F16', description });
  await writeFileAtomically(join(model, 'model.safetensors'), file);
  net.dispose();
  for (const [i, name] of NAMES.entries()) {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${90 + i}" height="80"><rect width="100" height="80" fill="#28${i}"/><circle cx="40" cy="${30 + 5 * i}" r="20" fill="#e9b"/></svg>`;
    await sharp(Buffer.from(svg))
      .png()
      .toFile(join(model, `${name}.png`));
  }
  writeFileSync(
    join(model, 'images.json'),
    JSON.stringify({ names: NAMES.map((name) => `${name}.png`), kind: 'drawn shapes' }),
  );
}

/** Computes in Node the probability of each class for an image, the mean of a layer, and the highest value of Grad-CAM. */
async function expected(net: LoadedNet, name: string) {
  const { data, info } = await sharp(join(model, `${name}.png`))
    .flatten()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const image = { data: new Uint8Array(data), width: info.width, height: info.height };
  const guesses = await classify(net, image);
  const input = netInput(net, image);
  const { relu2_1 } = net.model.features(input, ['relu2_1']);
  const [places] = await gradCam(net.model, input);
  const values = await relu2_1.data();
  let sum = 0;
  for (const value of values) sum += value;
  return { guesses, mean: sum / values.length, high: places!.high };
}

describe.skipIf(CHROMIUM === undefined)(`the page${WITHOUT}`, () => {
  let site: Site;

  beforeAll(async () => {
    await makeModel();
    site = await openSite(model, join(folder, 'site'));
  });

  afterAll(async () => {
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(): Promise<Page> {
    const page = await site.open('?software');
    await status(page, /^Choose an image: this also loads the net|takes much of the memory/);
    return page;
  }

  it('shows what the net takes before it loads it', async () => {
    const page = await open();
    const text = await page.$eval('#estimate', (list) => (list as HTMLElement).textContent);
    expect(await page.$eval('#knows', (line) => line.textContent)).toBe(
      'This net knows 3 classes only: disc, ring, square. It was trained on drawn shapes. It puts any other image into one of them, too.',
    );
    expect(text).toMatch(/A with batch norm, width 0.125/);
    expect(text).toMatch(/Parameters\s*145,\d{3}/);
    expect(text).toMatch(/Download\s*0\.3 MiB \(F16\)/);
    expect(text).toMatch(/Total memory\s*about \d+\.\d MiB/);
    expect(site.logged).toEqual([]);
    await page.close();
  });

  it.each(['wasm', 'webgl', 'webgpu'])("gives Node's result on %s", async (engine) => {
    const page = await open();
    const radio = `input[value=${engine}]`;
    if (await page.$eval(radio, (input) => (input as HTMLInputElement).disabled)) {
      expect(engine, 'Chromium has WebAssembly and, by swiftshader, WebGL').toBe('webgpu');
      expect(await page.$eval(radio, (input) => input.parentElement!.textContent)).toBe(' WebGPU (no WebGPU)');
      return page.close();
    }
    await page.click(radio);
    await page.click('#load');
    await status(page, /^Loaded/);
    await setBackend('cpu');
    const net = await loadNet(await openWeights(bytesOf(readFileSync(join(model, 'model.safetensors')))));
    for (const name of NAMES) {
      await page.click(`img[alt=${name}]`);
      await status(page, new RegExp(`^(${NAMES.join('|')}), \\d+ %: \\d+ ms on`));
      const shown = await page.$$eval('#guesses li', (lines) =>
        lines.map((line) => ({ ...(line as HTMLElement).dataset })),
      );
      const mean = await page.$eval('#maps', (maps) => Number((maps as HTMLElement).dataset.mean));
      const node = await expected(net, name);
      expect(shown.map((guess) => guess.name)).toEqual(node.guesses.map((guess) => guess.name));
      const probabilities = node.guesses.map(({ probability }) => probability);
      expect(shown.map((guess) => Number(guess.probability))).toBeAllclose(probabilities, { rtol: 1e-3, atol: 1e-5 });
      expect(mean).toBeAllclose(node.mean, { rtol: 1e-3 });
      expect(await page.$$eval('#maps canvas', (maps) => maps.length)).toBe(16);
      await page.select('#view', 'grad-cam');
      await status(page, /^Where the net looks, at relu5_2\.$/);
      const high = await page.$eval('#maps', (maps) => Number((maps as HTMLElement).dataset.high));
      expect(node.high).toBeGreaterThan(0);
      expect(high).toBeAllclose(node.high, { rtol: 1e-3 });
      expect(
        await page.$$eval('#maps figcaption', (lines) => lines.map((line) => line.textContent!.split(',')[0])),
      ).toEqual(node.guesses.map((guess) => guess.name));
      await page.select('#view', 'features');
      await status(page, /^relu2_1 shown\.$/);
    }
    net.model.dispose();
    expect(site.logged).toEqual([]);
    await page.close();
  });

  it('says in one line that a file is not an image, and continues', async () => {
    const page = await open();
    const input = (await page.$('#file'))!;
    await (input as import('puppeteer-core').ElementHandle<HTMLInputElement>).uploadFile(BUILD);
    await page.waitForSelector('#status.failed');
    expect(await page.$eval('#status', (line) => line.textContent)).toMatch(
      /^this browser cannot read build\.mjs as an image: try a JPEG or a PNG$/,
    );
    await page.click('img[alt=disc]');
    await status(page, new RegExp(`^(${NAMES.join('|')}), \\d+ %: \\d+ ms on`));
    await page.close();
  });
});
