/** The report and the live page in a real browser: what they show, ask for and complain of. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReportData, StudyData } from '../src/report/data';
import { embeddedJson, type PageAssets, pageAssets, reportHtml } from '../src/report/html';
import { PageServer } from '../src/ui/server';
import { describeInBrowser } from './browser';
import { home, images, TINY, trainer } from './command-line';
import { fullReport } from './report-data';

let assets: PageAssets;
beforeAll(async () => {
  assets = await pageAssets(new URL('../dist/page/', import.meta.url));
});

function written(name: string, data: ReportData): string {
  const file = join(home, name);
  writeFileSync(file, reportHtml(data, assets));
  return pathToFileURL(file).href;
}

/** What is wider than the window, and so cut off or scrolled sideways. */
const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;

describe('the size of a report', () => {
  it('stays below 2 MB for a thousand classes with long names and a hundred thousand steps', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `class ${i} ${'long '.repeat(15)}`);
    const data = await fullReport({ names, epochs: 100, batchesPerEpoch: 1000, side: 160 });
    expect(data.mistakes).toHaveLength(24);
    expect(Buffer.byteLength(reportHtml(data, assets))).toBeLessThan(2_000_000);
  });
});

describeInBrowser('a report', (open) => {
  it('draws every section, asks for nothing and complains of nothing', async () => {
    const { page, complaints, requests } = await open(written('full.html', await fullReport()));
    expect(await page.locator('section h2').allTextContents()).toEqual([
      ...['Curves', 'Results', 'Confusion', 'Most confident mistakes', 'Where the net sees it'],
      ...['Training crops', 'First layer', 'Throughput and time', 'The run'],
    ]);
    expect(await page.locator('canvas').count()).toBe(5);
    expect(await page.locator('#results tbody tr').allTextContents()).toEqual([
      'single256100 validation20.505.00',
      'dense224, 256, 288100 cat19.00–',
    ]);
    expect(await page.locator('.matrix .right').allTextContents()).toEqual(new Array(6).fill('1'));
    expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });

  it('fits a phone, dark as the system is', async () => {
    const { page } = await open(written('phone.html', await fullReport()), { width: 390, dark: true });
    expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(background).toBe('rgb(20, 23, 27)');
    await page.close();
  });

  it('shows hostile names as they are and runs nothing of them', async () => {
    const names = [
      '<script>alert(1)</script>',
      '"><img src=x onerror=alert(1)>',
      "</script><script>alert('x')</script><!--",
      'javascript:alert(1)',
      '{{7*7}} &lt;b&gt; \u2028 \u202e',
    ];
    const { page, complaints, requests } = await open(written('hostile.html', await fullReport({ names })));
    expect(await page.locator('h1').textContent()).toContain(names[0]);
    expect(await page.locator('.matrix .name').allTextContents()).toEqual(names);
    expect(await page.locator('#report script, #report img[src="x"]').count()).toBe(0);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });

  it('of a study shows its tables, and leads to the reports of its nets', async () => {
    const study: StudyData = {
      ...{ kind: 'study', name: 'paper-1', summary: 'two nets', made: '2026-01-01T00:00:00.000Z', notes: ['a note'] },
      tables: [{ title: 'Table 3', header: ['net', 'top-1 %'], rows: [['A <b>', '20.5']], textColumns: 1 }],
      runs: [{ name: 'A-256', href: 'nets/A-256/report.html' }],
      facts: [{ title: 'Settings', rows: [['budget', '60']] }],
    };
    const file = join(home, 'study.html');
    writeFileSync(file, reportHtml(study, assets));
    const { page, complaints, requests } = await open(pathToFileURL(file).href);
    expect(await page.locator('h2').allTextContents()).toEqual(['Table 3', 'The run']);
    expect(await page.locator('#table-0 td').allTextContents()).toEqual(['A <b>', '20.5']);
    expect(await page.locator('a').getAttribute('href')).toBe('nets/A-256/report.html');
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });

  it('says why, where there is nothing to show', async () => {
    const data: ReportData = {
      ...(await fullReport({ epochs: 0 })),
      ...{ results: [], confusion: null, mistakes: [], heatMaps: [], crops: [], filters: null },
      missing: {
        ...{ results: 'not evaluated', confusion: 'no images', mistakes: 'none', heatMaps: 'no weights' },
        ...{ crops: 'images gone', filters: 'no weights yet' },
      },
    };
    const { page, complaints } = await open(written('empty.html', data));
    expect(await page.locator('.empty').allTextContents()).toEqual([
      ...['not evaluated', 'no images', 'none', 'no weights', 'images gone', 'no weights yet', 'No step was made yet.'],
    ]);
    expect(await page.locator('.plot').allTextContents()).toEqual(new Array(5).fill('no step yet'));
    expect(complaints).toEqual([]);
    await page.close();
  });
});

/** Status and text of a request, with a Host of one's choosing. */
function ask(port: number, path: string, { host = `127.0.0.1:${port}`, method = 'GET' } = {}) {
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path, method, headers: { host } }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    asked.on('error', reject).end();
  });
}

describe('the live page’s server', () => {
  const start = (port = 0, orFree = false) => PageServer.start({ port, orFree, assets });

  it('answers to its own names alone, and only to be read', async () => {
    const server = await start();
    const { port } = server;
    const status = async (...words: Parameters<typeof ask> extends [number, ...infer Rest] ? Rest : never) =>
      (await ask(port, ...words)).status;
    expect(await status('/')).toBe(200);
    expect(await status('/', { host: `localhost:${port}` })).toBe(200);
    // A site whose name was made to lead to this machine, and the right name on another port.
    expect(await status('/', { host: 'evil.example' })).toBe(421);
    expect(await status('/', { host: `evil.example:${port}` })).toBe(421);
    expect(await status('/events', { host: '127.0.0.1:1' })).toBe(421);
    expect(await status('/', { method: 'POST' })).toBe(405);
    expect(await status('/../package.json')).toBe(404);
    await server.close();
  });

  it('takes a free port where it may, and says so where it may not', async () => {
    const first = await start();
    const second = await start(first.port, true);
    expect(second.port).not.toBe(first.port);
    await expect(start(first.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await Promise.all([first.close(), second.close()]);
  });
});

describeInBrowser('the live page', (open) => {
  it('waits for the run, follows it and says when it has ended', async () => {
    const server = await PageServer.start({ port: 0, orFree: false, assets });
    const url = `http://127.0.0.1:${server.port}/`;
    const { page, complaints, requests } = await open(url);
    expect(await page.locator('#made').textContent()).toMatch(/being prepared/);
    const data = await fullReport();
    const activity = { what: 'training', epochPart: 0.5, runPart: 0.25, left: 90, imagesPerSecond: 64 };
    server.send('report', embeddedJson({ ...data, activity }));
    await page.locator('.tiles').waitFor();
    expect(await page.locator('#activity').textContent()).toBe('training50\u00a0%run25\u00a0%, 1:30 left');
    const headline = { ...data.headline, best: { top1: 12.34, epoch: 4, validation: true } };
    const { curves, time } = await fullReport({ epochs: 5 });
    server.send('progress', embeddedJson({ headline, curves, time, activity: { ...activity, epochPart: 0.75 } }));
    await page.getByText('12.34 %').waitFor();
    expect(await page.locator('#activity').textContent()).toContain('training75\u00a0%');
    server.send('end', embeddedJson('The run has ended.'));
    await page.getByText('The run has ended.').waitFor();
    await server.close();
    expect(complaints).toEqual([]);
    expect(requests).toEqual([`${url}events`]);
    await page.close();
  });

  it('goes with a real run, updates, and closes with it', async () => {
    const data = await images();
    let page: ReturnType<typeof open> | undefined;
    const words = ['train', '--data', data, ...TINY, '--batch', '8', '--batch-norm', '--epochs', '40', '--out', 'live'];
    const outcome = await trainer([...words, '--ui'], (text) => {
      const [url] = /http:\S+/.exec(text) ?? [];
      if (url !== undefined) page ??= open(url);
    });
    expect(outcome.code).toBe(0);
    const watched = await page!;
    await watched.page.getByText('The run has ended.').waitFor();
    // The last report came before the end: it has the dense results, which are made after training.
    expect(await watched.page.locator('#results').textContent()).toContain('dense');
    expect(await watched.page.locator('#state').textContent()).toBe('complete');
    expect(watched.complaints).toEqual([]);
    await watched.page.close();
  });
});
