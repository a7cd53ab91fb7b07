/** Display of a resumed run, driven only by events of training. */
import { describe, expect, it } from 'vitest';
import { trainingDisplay } from '../src/run/display';

const MEASURES = { loss: 1, top1: 50, top5: 20 };

function display() {
  const said: string[] = [];
  const terminal = {
    say: (line: string) => said.push(line),
    warn: (line: string) => said.push(line),
    progress: () => ({ update: () => {}, end: () => {} }),
  };
  const sizes = { epochs: 3, validateEvery: 1, batchesPerEpoch: 5, batch: 8, validationImages: 8, classes: 10 };
  const { onEvent, validating } = trainingDisplay({ terminal, record: () => {}, mayEndEarly: false, ...sizes });
  return { said, onEvent, validating };
}

describe('a resumed run', () => {
  const validation = { ...MEASURES, samples: 8 };

  it('prints once where it continues, before its first micro-batch ends', () => {
    const { said, onEvent } = display();
    onEvent({ type: 'start', epoch: 1, batch: 2, step: 7, resumed: true });
    expect(said).toEqual([]);
    for (const done of [1, 2]) onEvent({ type: 'micro-batch', step: 7, done, of: 2 });
    expect(said).toEqual(['continuing at epoch 2, step 8']);
  });

  it('says so before the validation where an epoch has no batch left', async () => {
    const { said, onEvent, validating } = display();
    onEvent({ type: 'start', epoch: 1, batch: 5, step: 10, resumed: true });
    await validating(async () => {
      expect(said).toEqual(['continuing at epoch 2, step 11']);
      return validation;
    });
  });

  it('says so before the epoch where there is nothing to validate', () => {
    const { said, onEvent } = display();
    onEvent({ type: 'start', epoch: 1, batch: 5, step: 10, resumed: true });
    onEvent({ type: 'epoch', epoch: 1, step: 10, training: MEASURES, best: false, rate: 0.01, seconds: 1 });
    expect(said[0]).toBe('continuing at epoch 2, step 11');
    expect(said[1]).toMatch(/^epoch 2\/3 training/);
  });

  it('says nothing where the run is finished, nor where it is new', () => {
    for (const resumed of [true, false]) {
      const { said, onEvent } = display();
      onEvent({ type: 'start', epoch: resumed ? 3 : 0, batch: 0, step: resumed ? 15 : 0, resumed });
      if (!resumed) onEvent({ type: 'micro-batch', step: 0, done: 1, of: 2 });
      onEvent({ type: 'end', reason: 'complete', epoch: 3, step: 15 });
      expect(said).toEqual([]);
    }
  });
});
