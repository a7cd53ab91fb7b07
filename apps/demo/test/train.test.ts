/** The page that trains, in headless Chromium: curves move, a run continues after the page was closed, engines agree. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLASSES } from '../src/drawn-images';
import { CHROMIUM, openSite, type Site, status, WITHOUT } from './site';

/** Accepts the WebGPU of Chromium on the CPU. */
const PAGE = 'train.html?software';

const folder = mkdtempSync(join(tmpdir(), 'vgg-demo-'));

const textOf = (page: Page, id: string) => page.$eval(`#${id}`, (node) => node.textContent!);

/** Returns the losses of the run that the browser keeps. */
function storedLosses(page: Page): Promise<number[]> {
  return page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const opening = indexedDB.open('vgg-demo', 1);
        opening.onsuccess = () => {
          const getting = opening.result.transaction('runs').objectStore('runs').get('drawn-shapes');
          getting.onsuccess = () => resolve(getting.result.history.losses);
        };
      }),
  );
}

/** Returns the number of points of a curve, and checks that a chart with points is not blank. */
async function pointsOf(page: Page, chart: string, curve: string): Promise<number> {
  const [label, colours] = await page.$eval(`#${chart}`, (figure) => {
    const canvas = figure.querySelector('canvas')!;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return [figure.getAttribute('aria-label')!, new Set(new Uint32Array(data.buffer)).size] as const;
  });
  const points = Number(new RegExp(`${curve}: (\\d+) points`).exec(label)![1]);
  if (points > 1) expect(colours).toBeGreaterThan(10);
  return points;
}

/** Chooses a file as one of the visitor's images: a red square, or words. */
async function choose(page: Page, content: 'drawing' | 'text'): Promise<void> {
  await page.evaluate(async (content) => {
    const canvas = new OffscreenCanvas(80, 60);
    const context = canvas.getContext('2d')!;
    context.fillStyle = 'red';
    context.fillRect(20, 10, 40, 40);
    const blob = content === 'drawing' ? await canvas.convertToBlob() : new Blob(['words']);
    const files = new DataTransfer();
    files.items.add(new File([blob], `${content}.png`));
    const input = document.querySelector<HTMLInputElement>('#file')!;
    input.files = files.files;
    input.dispatchEvent(new Event('change'));
  }, content);
}

async function stop(page: Page): Promise<number> {
  await page.click('#start');
  const line = await status(page, /^Stopped after step \d+/);
  return Number(/\d+/.exec(line)![0]);
}

describe.skipIf(CHROMIUM === undefined)(`the page that trains${WITHOUT}`, () => {
  let site: Site;
  let losses: number[];

  beforeAll(async () => {
    const model = join(folder, 'model');
    mkdirSync(model);
    // This page loads no net.
    writeFileSync(join(model, 'model.safetensors'), '');
    site = await openSite(model, join(folder, 'site'));
  });

  afterAll(async () => {
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('trains on WebAssembly, stops, and continues after it was closed', async () => {
    const first = await site.open(PAGE);
    await status(first, /^Start the training\.$/);
    expect(await pointsOf(first, 'loss-chart', 'mean of 10 steps')).toBe(0);
    await first.click('input[value=wasm]');
    await first.click('#start');
    await status(first, /step 1\d of/);
    const steps = await stop(first);
    const threads = Math.min(await first.evaluate(() => navigator.hardwareConcurrency), 4);
    expect(await textOf(first, 'engine')).toBe(threads === 1 ? 'WebAssembly' : `WebAssembly, ${threads} threads`);
    expect(await textOf(first, 'speed')).toMatch(/^\d+(\.\d+)? \(last \d+ steps\)$/);
    expect(await pointsOf(first, 'loss-chart', 'mean of 10 steps')).toBe(steps);
    losses = await storedLosses(first);
    expect(losses).toHaveLength(steps);
    await first.close();

    const page = await site.open(PAGE);
    await status(page, new RegExp(`^This run stopped after step ${steps}`));
    expect(await textOf(page, 'start')).toBe('Continue');
    await page.click('input[value=wasm]');
    await choose(page, 'text');
    await page.waitForFunction(() => document.querySelector('#own-note')!.textContent !== '');
    expect(await textOf(page, 'own-note')).toBe('text.png is not an image that this browser decodes');
    await choose(page, 'drawing');
    await page.waitForFunction(() => document.querySelectorAll('#own-images canvas').length === 1);
    expect(await textOf(page, 'own-note')).toBe('');
    expect(await textOf(page, 'own-images')).toBe('?');
    await page.click('#start');
    const line = await status(page, /^Trained:/);
    expect(CLASSES).toContain(await textOf(page, 'own-images'));
    expect(await page.$$eval('#filters canvas', ({ length }) => length)).toBe(16);
    expect(Number(/[\d.]+/.exec(line)![0])).toBeLessThan(40);
    expect(await pointsOf(page, 'loss-chart', 'mean of 10 steps')).toBe(320);
    expect(await pointsOf(page, 'error-chart', 'validation')).toBe(8);
    const whole = await storedLosses(page);
    expect(whole.slice(0, steps)).toEqual(losses);
    expect(whole.at(-1)!).toBeLessThan(whole[0]! / 3);

    await page.setViewport({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.click('#again');
    await status(page, /^Start the training\.$/);
    expect(await textOf(page, 'start')).toBe('Start');
    expect(site.logged).toEqual([]);
    await page.close();
  });

  it('trains with the same losses on one thread, where the page is not cross-origin isolated', async () => {
    const page = await site.openPlain(PAGE);
    await status(page, /^Start the training\.$/);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await page.click('input[value=wasm]');
    await page.click('#start');
    await status(page, /step [4-9] of/);
    const steps = await stop(page);
    expect(await textOf(page, 'engine')).toBe('WebAssembly');
    const common = Math.min(steps, losses.length);
    expect(common).toBeGreaterThan(2);
    expect((await storedLosses(page)).slice(0, common)).toEqual(losses.slice(0, common));
    expect(site.logged).toEqual([]);
    await page.close();
  });

  it('trains on WebGPU with the losses of WebAssembly', async (context) => {
    const page = await site.open(PAGE);
    await status(page, /^Start the training\.$/);
    const missing = await page.$eval('input[value=webgpu]', (input) => (input as HTMLInputElement).disabled);
    if (missing) return context.skip('this Chromium has no WebGPU on the CPU');
    await page.click('#start');
    await status(page, /step [3-9] of/);
    const steps = await stop(page);
    expect(await textOf(page, 'engine')).toMatch(/^WebGPU, .+, on the CPU$/);
    expect(await pointsOf(page, 'loss-chart', 'mean of 10 steps')).toBe(steps);
    expect((await storedLosses(page)).slice(0, 3)).toBeAllclose(losses.slice(0, 3), { rtol: 1e-3 });
    await page.close();

    const visitor = await site.open('train.html');
    await status(visitor, /^This run stopped/);
    expect(await textOf(visitor, 'engines')).toContain('WebGPU (no GPU: it would compute on the CPU)');
    expect(await visitor.$eval('input[value=wasm]', (input) => (input as HTMLInputElement).checked)).toBe(true);
    expect(site.logged).toEqual([]);
    await visitor.close();
  });
});
