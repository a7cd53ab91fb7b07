/** `epochs.csv` of a run folder. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainEvent } from '../src/index';
import { EpochTable } from '../src/node/epoch-table';

describe('epochs.csv', () => {
  it('has a line for each epoch, also those before a resume', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'epochs-'));
    const epoch = (index: number) => ({
      type: 'epoch' as const,
      epoch: index,
      step: 10 * (index + 1),
      training: { loss: 1, top1: 50, top5: 0 },
      validation: { loss: 2, top1: 60, top5: 0, samples: 5 },
      best: index === 0,
      rate: 0.01,
      seconds: 3,
    });
    try {
      writeFileSync(join(folder, 'metrics.jsonl'), `{"type":"step","step":1}\n${JSON.stringify(epoch(0))}\n`);
      await new EpochTable(folder).add(epoch(1));
      expect(readFileSync(join(folder, 'epochs.csv'), 'utf8').trim().split('\n').slice(1)).toEqual([
        '1,10,0.01,1,50,0,2,60,0,1,3.00,,',
        '2,20,0.01,1,50,0,2,60,0,0,3.00,,',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has the metric of a loss without classes, the same after a resume, also in a table with the old header', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'epochs-'));
    const epoch = (index: number, top1: number | null) => ({
      type: 'epoch',
      epoch: index,
      step: 10 * (index + 1),
      training: { loss: 1, top1, top5: top1, metric: 0.5 },
      validation: { loss: 2, top1, top5: top1, metric: 0.25, samples: 5 },
      best: true,
      rate: 0.01,
      seconds: 3,
    });
    const rows = () => readFileSync(join(folder, 'epochs.csv'), 'utf8').trim().split('\n');
    try {
      // JSON has no NaN: it writes null.
      writeFileSync(join(folder, 'metrics.jsonl'), `${JSON.stringify(epoch(0, Number.NaN))}\n`);
      writeFileSync(join(folder, 'epochs.csv'), 'epoch,step,rate\n1,10,0.01\n');
      await new EpochTable(folder).add(epoch(1, Number.NaN) as TrainEvent);
      expect(rows()[0]).toMatch(/^epoch,step,rate,train_loss,.*,seconds,train_metric,val_metric$/);
      expect(rows().slice(1)).toEqual(['1,10,0.01,1,,,2,,,1,3.00,0.5,0.25', '2,20,0.01,1,,,2,,,1,3.00,0.5,0.25']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
