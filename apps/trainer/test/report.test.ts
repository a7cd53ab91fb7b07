/** Report of a run: the description that the trainer makes, and the live page of a real run. */
import { describe, expect, it } from 'vitest';
import { factRow } from '../src/report/describe';
import { images, TINY, trainer } from './command-line';

describe('settings and facts of the environment', () => {
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
  ])('have a unit: %s %j', (name, value, row, shown) => {
    expect(factRow([name, value])).toEqual([row, shown]);
  });
});

/** Returns the data of the last event of a kind. */
function lastEvent(events: string, kind: string): unknown {
  const data = [...events.matchAll(new RegExp(`^event: ${kind}\ndata: (.*)$`, 'gm'))].at(-1)?.[1];
  return data === undefined ? undefined : JSON.parse(data);
}

describe('the live page', () => {
  it('follows a real run and ends with it', async () => {
    const data = await images();
    let events: Promise<string> | undefined;
    const words = ['train', '--data', data, ...TINY, '--batch', '8', '--batch-norm', '--epochs', '40', '--out', 'live'];
    const outcome = await trainer([...words, '--ui'], (text) => {
      const [url] = /http:\S+/.exec(text) ?? [];
      if (url !== undefined) events ??= fetch(`${url}events`).then((response) => response.text());
    });
    expect(outcome.code).toBe(0);
    const received = await events!;
    expect(received).toMatch(/^event: progress$/m);
    // The last report has the dense results, which are made after training.
    expect(lastEvent(received, 'report')).toMatchObject({
      name: 'live',
      headline: { state: 'complete' },
      results: expect.arrayContaining([expect.objectContaining({ protocol: 'dense' })]),
    });
    expect(lastEvent(received, 'end')).toMatch(/The run has ended/);
  });
});
