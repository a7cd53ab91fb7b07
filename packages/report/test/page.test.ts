/** The report and the live page in a browser: their content, network requests and console messages. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReportData, StudyData } from '../src/data';
import { embeddedJson, type PageAssets, pageAssets, reportHtml } from '../src/html';
import { PageServer } from '../src/live/server';
import { describeInBrowser } from './browser';
import { fullReport } from './report-data';

const home = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

let assets: PageAssets;
beforeAll(async () => {
  assets = await pageAssets();
});

async function write(name: string, data: ReportData | StudyData): Promise<string> {
  const file = join(home, name);
  writeFileSync(file, await reportHtml(data, assets));
  return pathToFileURL(file).href;
}

/** Returns the number of pixels by which the page is wider than the window. */
const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;

describe('the size of a report', () => {
  it('stays below 2 MB for a thousand classes with long names and a hundred thousand steps', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `class ${i} ${'long '.repeat(15)}`);
    const data = await fullReport({ names, epochs: 100, batchesPerEpoch: 1000, side: 160 });
    expect(data.mistakes).toHaveLength(24);
    expect(Buffer.byteLength(await reportHtml(data))).toBeLessThan(2_000_000);
  });
});

describeInBrowser('a report', (open) => {
  it('draws every section, without network requests or console messages', async () => {
    const { page, complaints, requests } = await open(await write('full.html', await fullReport()));
    expect(await page.locator('section h2').allTextContents()).toEqual([
      'Curves',
      'Results',
      'By class',
      'Confusion',
      'Most confident mistakes',
      'Heat maps',
      'Training crops',
      'First layer',
      'Throughput and time',
      'The run',
    ]);
    expect(await page.locator('canvas').count()).toBe(5);
    expect(await page.locator('#results tbody tr').allTextContents()).toEqual([
      'single256100 validation20.505.00––',
      'dense224, 256, 288100 cat19.00–80.05.0',
    ]);
    expect(await page.locator('#classes tbody tr').first().allTextContents()).toEqual(['cat250.050.050.0']);
    expect(await page.locator('.matrix .right').allTextContents()).toEqual(new Array(6).fill('1'));
    expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });

  it('fits a phone, dark as the system is', async () => {
    const { page } = await open(await write('phone.html', await fullReport()), { width: 390, dark: true });
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
    const { page, complaints, requests } = await open(await write('hostile.html', await fullReport({ names })));
    expect(await page.locator('h1').textContent()).toContain(names[0]);
    expect(await page.locator('.matrix .name').allTextContents()).toEqual(names);
    expect(await page.locator('#report script, #report img[src="x"]').count()).toBe(0);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });

  it('of a study shows its tables, and links to the reports of its nets', async () => {
    const study: StudyData = {
      kind: 'study',
      name: 'paper-1',
      summary: 'two nets',
      made: '2026-01-01T00:00:00.000Z',
      notes: ['a note'],
      charts: [
        {
          title: 'Error by depth',
          bars: [
            { label: 'A', value: 20.5, error: 0.4, reference: 29.6 },
            { label: 'B', value: 10.25, error: 0.3 },
          ],
        },
      ],
      tables: [{ title: 'Table 3', header: ['net', 'top-1 %'], rows: [['A <b>', '20.5']], textColumns: 1 }],
      runs: [{ name: 'A-256', href: 'nets/A-256/report.html' }],
      facts: [{ title: 'Settings', rows: [['budget', '60']] }],
    };
    const { page, complaints, requests } = await open(await write('study.html', study));
    expect(await page.locator('h2').allTextContents()).toEqual(['Charts', 'Table 3', 'The run']);
    expect(await page.locator('.bar').allTextContents()).toEqual([
      'A20.5 ± 0.4\u00a0%',
      '29.6\u00a0%',
      'B10.3 ± 0.3\u00a0%',
    ]);
    expect(await page.locator('#table-0 td').allTextContents()).toEqual(['A <b>', '20.5']);
    expect(await page.locator('a').getAttribute('href')).toBe('nets/A-256/report.html');
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });

  it('gives the reason for an empty section', async () => {
    const data: ReportData = {
      ...(await fullReport({ epochs: 0 })),
      results: [],
      confusion: null,
      perClass: null,
      mistakes: [],
      heatMaps: [],
      crops: [],
      filters: null,
      missing: {
        results: 'not evaluated',
        confusion: 'no images',
        mistakes: 'none',
        heatMaps: 'no weights',
        crops: 'images gone',
        filters: 'no weights yet',
      },
    };
    const { page, complaints } = await open(await write('empty.html', data));
    expect(await page.locator('.empty').allTextContents()).toEqual([
      'not evaluated',
      'no images',
      'none',
      'no weights',
      'images gone',
      'no weights yet',
      'No time has been measured.',
    ]);
    expect(await page.locator('.plot').allTextContents()).toEqual(new Array(5).fill('no step yet'));
    expect(complaints).toEqual([]);
    await page.close();
  });
});

/** Sends a request, with any Host header. */
function ask(port: number, path: string, { host = `127.0.0.1:${port}`, method = 'GET' } = {}) {
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, method, headers: { host } }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    sent.on('error', reject).end();
  });
}

describe('the live page’s server', () => {
  const start = (port = 0, orFree = false) => PageServer.start({ port, orFree, assets });

  it('answers only to its own names, and is read-only', async () => {
    const server = await start();
    const { port } = server;
    const status = async (...words: Parameters<typeof ask> extends [number, ...infer Rest] ? Rest : never) =>
      (await ask(port, ...words)).status;
    expect(await status('/')).toBe(200);
    expect(await status('/', { host: `localhost:${port}` })).toBe(200);
    // A site whose name points to this machine, and the right name on another port.
    expect(await status('/', { host: 'evil.example' })).toBe(421);
    expect(await status('/', { host: `evil.example:${port}` })).toBe(421);
    expect(await status('/events', { host: '127.0.0.1:1' })).toBe(421);
    expect(await status('/', { method: 'POST' })).toBe(405);
    expect(await status('/../package.json')).toBe(404);
    await server.close();
  });

  it('uses a free port if that is allowed, and fails if not', async () => {
    const first = await start();
    const second = await start(first.port, true);
    expect(second.port).not.toBe(first.port);
    await expect(start(first.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await Promise.all([first.close(), second.close()]);
  });
});

describeInBrowser('the live page', (open) => {
  it('waits for the run, follows it and shows its end', async () => {
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
});
