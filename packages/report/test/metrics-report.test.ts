/** Reports of runs of which only the metrics are known. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { MetricsEntry } from '../src/history';
import { writeReport } from '../src/html';
import { reportOfMetrics } from '../src/metrics-report';
import { describeInBrowser } from './browser';

const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const steps = Array.from({ length: 6 }, (_, i): MetricsEntry => {
  return { type: 'step', epoch: Math.floor(i / 3), batch: i % 3, metrics: { loss: 6 - i } };
});
const epochs = [0, 1].map((epoch): MetricsEntry => {
  const validation = { loss: 3 - epoch, top1: 20 - epoch };
  return { type: 'epoch', epoch, training: { loss: 4 - epoch }, validation, best: true };
});

describe('a report of metrics', () => {
  it('has the curves, and takes the length of an epoch from the batches', () => {
    const { curves, headline, missing } = reportOfMetrics({ name: 'run', metrics: [...steps, ...epochs], epochs: 5 });
    expect(curves.steps.epoch).toEqual([0.33333, 0.66667, 1, 1.3333, 1.6667, 2]);
    expect(curves.steps.loss).toEqual([6, 5, 4, 3, 2, 1]);
    expect(curves.steps.top1).toEqual(new Array(6).fill(null));
    expect(curves.validation.top1).toEqual([20, 19]);
    expect(headline).toMatchObject({ state: 'complete', epoch: 2, epochs: 5, best: { top1: 19, epoch: 2 } });
    expect(missing).toEqual({});
  });

  it('reads the text of a metrics.jsonl file', () => {
    const lines = [...steps, ...epochs].map((entry) => JSON.stringify(entry));
    const { curves, headline } = reportOfMetrics({ name: 'run', metrics: `${lines.join('\n')}\n{"type":"st` });
    expect(curves.steps.loss).toEqual([6, 5, 4, 3, 2, 1]);
    expect(headline.epochs).toBe(2);
  });
});

describeInBrowser('the page of such a report', (open) => {
  it('shows only what was measured', async () => {
    const file = join(folder, 'metrics.html');
    await writeReport(file, reportOfMetrics({ name: 'a run', metrics: [...steps, ...epochs] }));
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
    const { page, complaints, requests } = await open(pathToFileURL(file).href);
    expect(await page.locator('h2').allTextContents()).toEqual(['Curves', 'Throughput and time']);
    expect(await page.locator('figcaption').allTextContents()).toEqual(['Loss', 'Top-1 error']);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });
});
