/** History of a run from its metrics. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type EpochEntry, History, readHistory, type StepEntry } from '../src/history';

const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const metrics = { loss: 1, top1: 50, top5: 10 };

function step(index: number, values: Partial<StepEntry> = {}): StepEntry {
  const epoch = Math.floor(index / 10);
  return { type: 'step', epoch, batch: index % 10, rate: 0.1, metrics, samples: 32, seconds: 2, ...values };
}

function epoch(index: number, top1: number): EpochEntry {
  const validation = { ...metrics, top1, samples: 5 };
  return { type: 'epoch', epoch: index, training: metrics, validation, best: true };
}

describe('the history of a run', () => {
  it('keeps every step of a short one, placed along its epochs', () => {
    const history = new History(10);
    for (let i = 0; i < 12; i++) history.add(step(i, { metrics: { ...metrics, loss: i } }));
    const { epoch: along, loss } = history.curves.steps;
    expect(along.slice(8)).toEqual([0.9, 1, 1.1, 1.2]);
    expect(loss).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('reduces a long one to at most 1200 points, each the mean of its steps', () => {
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

  it('adds up the time by activity and finds the best epoch', () => {
    const history = new History(10);
    history.add(step(0, { waiting: 0.5 }));
    history.add(step(1, { saving: 3 }));
    history.add({ ...epoch(0, 40), validating: 7 });
    history.add(epoch(1, 30));
    history.add({ ...epoch(2, 35), best: false });
    // An epoch without validation is not a candidate.
    const { validation: _, ...unseen } = epoch(3, 0);
    history.add({ ...unseen, training: { ...metrics, top1: 1 }, best: false });
    expect(history.time).toEqual({ computing: 3.5, waiting: 0.5, saving: 3, validating: 7 });
    expect(history.best).toEqual({ top1: 30, epoch: 2, validation: true });
    expect(history.curves.validation.top1).toEqual([40, 30, 35]);
    expect(history.meanImagesPerSecond).toBe(16);
  });

  it('finds the rank that was waited for the longest', () => {
    const history = new History(10);
    history.add(step(0, { peers: { byRank: [0, 0.25, 0.5] } }));
    history.add(step(1, { peers: { byRank: [0, 0.75, 0] } }));
    expect(history.time.ranks).toEqual({ seconds: 1.5, slowest: { rank: 1, seconds: 1 } });
  });

  it('is read from metrics.jsonl; incomplete lines and lines of another release are skipped', async () => {
    const file = join(folder, 'metrics.jsonl');
    const lines = [JSON.stringify(step(0)), '{"type":"later"}', JSON.stringify(epoch(0, 40)), '{"type":"step","ep'];
    writeFileSync(file, lines.join('\n'));
    const history = await readHistory(file, 10);
    expect([history.curves.steps.loss.length, history.epoch]).toEqual([1, 1]);
    expect((await readHistory(join(folder, 'none.jsonl'), 10)).epoch).toBe(0);
  });
});
