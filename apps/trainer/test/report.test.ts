/** What a report is made of: the history, the guesses, the document. The page itself is tested in a browser. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withRows } from '../src/evaluate/file';
import { factRow } from '../src/report/assemble';
import { confusionMatrix, GuessBook } from '../src/report/guesses';
import { type EpochEntry, History, readHistory, type StepEntry } from '../src/report/history';
import { embeddedJson, reportPage } from '../src/report/html';
import { filterSheet } from '../src/report/pictures';
import { home } from './command-line';

const metrics = { loss: 1, top1: 50, top5: 10 };

function step(index: number, given: Partial<StepEntry> = {}): StepEntry {
  return {
    ...{ type: 'step', epoch: Math.floor(index / 10), batch: index % 10, step: index + 1, rate: 0.1 },
    ...{ metrics, running: metrics, gradientNorm: 1, samples: 32, seconds: 2, imagesPerSecond: 16 },
    ...given,
  };
}

function epoch(index: number, top1: number): EpochEntry {
  const validation = { ...metrics, top1, samples: 5 };
  return { type: 'epoch', epoch: index, step: 10, training: metrics, validation, best: true, rate: 0.1, seconds: 20 };
}

describe('the history of a run', () => {
  it('keeps every step of a short one, placed along its epochs', () => {
    const history = new History(10);
    for (let i = 0; i < 12; i++) history.add(step(i, { metrics: { ...metrics, loss: i } }));
    const { epoch: along, loss } = history.curves.steps;
    expect(along.slice(8)).toEqual([0.9, 1, 1.1, 1.2]);
    expect(loss).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('makes a long one no more than 1200 points, each the mean of its steps', () => {
    const history = new History(10);
    for (let i = 0; i < 10_000; i++) history.add(step(i, { metrics: { ...metrics, loss: i } }));
    const { loss, epoch: along } = history.curves.steps;
    expect(loss.length).toBeGreaterThan(600);
    expect(loss.length).toBeLessThanOrEqual(1200);
    // Runs of sixteen steps: 0 to 15, 16 to 31, ...
    expect(loss.slice(0, 2)).toEqual([7.5, 23.5]);
    expect(along[0]).toBe(1.6);
    expect(along.at(-1)).toBe(1000);
  });

  it('adds up where the time went and finds the best epoch', () => {
    const history = new History(10);
    history.add(step(0, { waiting: 0.5 }));
    history.add(step(1, { saving: 3 }));
    history.add({ ...epoch(0, 40), validating: 7 });
    history.add(epoch(1, 30));
    history.add({ ...epoch(2, 35), best: false });
    // Not validated: its training error is no candidate.
    const { validation: _, ...unseen } = epoch(3, 0);
    history.add({ ...unseen, training: { ...metrics, top1: 1 }, best: false });
    expect(history.time).toEqual({ computing: 3.5, waiting: 0.5, saving: 3, validating: 7 });
    expect(history.best).toEqual({ top1: 30, epoch: 2, validation: true });
    expect(history.curves.validation.top1).toEqual([40, 30, 35]);
    expect(history.meanImagesPerSecond).toBe(16);
  });

  it('is read from metrics.jsonl, past lines that a kill cut short or that another release wrote', async () => {
    const file = join(home, 'metrics.jsonl');
    const lines = [JSON.stringify(step(0)), '{"type":"later"}', JSON.stringify(epoch(0, 40)), '{"type":"step","ep'];
    writeFileSync(file, lines.join('\n'));
    const history = await readHistory(file, 10);
    expect([history.curves.steps.loss.length, history.epoch]).toEqual([1, 1]);
    expect((await readHistory(join(home, 'none.jsonl'), 10)).epoch).toBe(0);
  });
});

describe('settings and the environment', () => {
  it.each([
    ['budget', 900, 'budget', '15 min'],
    ['budget', 90, 'budget', '90 s'],
    ['budget', 7200, 'budget', '2 h'],
    ['memory', 24, 'memory', '24 GiB'],
    ['microBatch', 32, 'micro batch', '32 images'],
    ['patience', 1, 'patience', '1 validation'],
    ['validateEvery', 5, 'validate every', '5 epochs'],
    ['weightDecay', 5e-4, 'weight decay', '0.0005'],
    ['freeze', [], 'freeze', 'none'],
  ])('say %s %j with its unit', (name, given, row, shown) => {
    expect(factRow([name, given])).toEqual([row, shown]);
  });
});

describe('guesses', () => {
  it('are counted by class, the surest mistakes first', () => {
    const book = new GuessBook('single', 3);
    // Soft-max: (1/2, 1/4, 1/4) and (1/6, 4/6, 1/6).
    const scores = Float32Array.from([2, 1, 1, 1, 4, 1, 1, 4, 1].map(Math.log));
    book.addScores(scores, Int32Array.from([1, 0, 1]), (i) => `image ${i}`);
    const { confusion, mistakes, images } = book.guesses;
    expect(images).toBe(3);
    expect(confusion).toEqual([
      [1, 0, 1],
      [0, 1, 1],
      [1, 1, 1],
    ]);
    expect(mistakes.map(({ key, label, predicted }) => [key, label, predicted])).toEqual([
      ['image 1', 0, 1],
      ['image 0', 1, 0],
    ]);
    expect(mistakes.map(({ probability }) => probability)).toBeAllclose([4 / 6, 1 / 2], { rtol: 1e-6 });
  });

  it('keep 24 mistakes of any number', () => {
    const book = new GuessBook('single', 2);
    for (let i = 0; i < 1000; i++) {
      book.add({ key: `${i}`, label: 0, predicted: 1, probability: ((i * 7) % 1000) / 1000 });
    }
    const kept = book.guesses.mistakes.map(({ probability }) => probability);
    expect(kept).toEqual(Array.from({ length: 24 }, (_, i) => (999 - i) / 1000));
  });

  it('make a matrix of the 30 most confused of many classes', () => {
    const book = new GuessBook('dense', 100);
    for (let i = 0; i < 100; i++) book.add({ key: '', label: i, predicted: i, probability: 1 });
    for (let i = 50; i < 80; i++) book.add({ key: '', label: i, predicted: 99 - i + 30, probability: 1 });
    const names = Array.from({ length: 100 }, (_, i) => `class ${i}`);
    const matrix = confusionMatrix(book.guesses, names);
    expect(matrix.classes).toEqual(names.slice(50, 80));
    expect(matrix).toMatchObject({ of: 100, images: 130, protocol: 'dense' });
    // Row 50: itself once, and class 79 once.
    expect([...matrix.counts.slice(0, 30).entries()].filter(([, count]) => count > 0)).toEqual([
      [0, 1],
      [29, 1],
    ]);
    expect(matrix.totals[0]).toBe(2);
  });
});

describe('the evaluations of a run', () => {
  it('replace those on the same protocol, scales and images, and keep the guesses on most images', () => {
    const row = { protocol: 'dense', scales: [32], images: 10, of: 'validation', top1: 20, top5: 5 };
    const guesses = { protocol: 'single', images: 100, confusion: [], mistakes: [] };
    const known = { version: 1, k: 5, rows: [row, { ...row, protocol: 'single' }], guesses } as const;
    const after = withRows(known, [{ ...row, top1: 10 }], { ...guesses, protocol: 'dense', images: 10 });
    expect(after.rows.map(({ protocol, top1 }) => [protocol, top1])).toEqual([
      ['single', 20],
      ['dense', 10],
    ]);
    expect(after.guesses).toBe(guesses);
  });
});

describe('the document', () => {
  const assets = { script: 'draw()', style: 'p{}' };

  it('holds hostile names as data that no parser takes for markup', () => {
    const hostile = { name: '</script><script>alert(1)</script><!--', more: '\u2028&amp;' };
    const json = embeddedJson(hostile);
    expect(json).not.toMatch(/[<>&\u2028]/);
    expect(JSON.parse(json)).toEqual(hostile);
    const page = reportPage(hostile.name, json, assets);
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).not.toContain('alert(1)</script>');
  });

  it('allows its own script and style alone, and a server only when live', () => {
    const policy = (live: boolean) => /Policy" content="([^"]+)"/.exec(reportPage('run', '{}', assets, { live }))![1]!;
    expect(policy(false)).toMatch(/^default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'/);
    expect(policy(false)).not.toMatch(/connect-src|unsafe|http/);
    expect(policy(true)).toContain("connect-src 'self'");
  });
});

describe('the sheet of filters', () => {
  it('has a pixel a weight, zero mid-grey, each filter by its own largest weight', async () => {
    // Two filters of 1x1 on RGB: (1, 0, -1) and (0, 0.5, 0.25).
    const { src, width, height } = await filterSheet(Float32Array.from([1, 0, 0, 0.5, -1, 0.25]), [1, 1, 3, 2]);
    expect([width, height]).toEqual([3, 1]);
    const sharp = (await import('sharp')).default;
    const pixels = await sharp(Buffer.from(src.split(',')[1]!, 'base64'))
      .raw()
      .toBuffer();
    expect([...pixels]).toEqual([255, 128, 0, 255, 0, 0, 0, 0, 128, 255, 191, 255]);
  });
});
