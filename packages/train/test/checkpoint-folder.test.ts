import './backend';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor1d } from '@tensorflow/tfjs-core';
import { constant, MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { writeSafetensors } from '@vgg/weights/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Best, type Checkpoint, fit, restoreCheckpoint } from '../src/index';
import { CheckpointFolder } from '../src/node';
import { ToyNet, toyBatches, weightsOf } from './toy';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoints-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function checkpoint(step: number, best: Best | null = null): Checkpoint {
  return {
    state: {
      version: 1,
      seed: 1,
      epoch: 0,
      batch: step,
      step,
      totals: { samples: 1, loss: 0.1, top1: 1, top5: 0 },
      schedule: { best: 12.5, since: 1 },
      stall: { steps: 1, sum: 0.3, reported: false },
      best,
    },
    tensors: new Map([
      ['model/w', tensor1d([step, 1 / 3])],
      ['velocity/w', tensor1d([2, -0])],
    ]),
    metadata: { model: '{"classes":4}', classes: '["cat"]' },
  };
}

const fileOf = (step: number) => join(folder, `step-00000000${step}.safetensors`);

describe('CheckpointFolder', () => {
  it('reads what was saved, to the bit', async () => {
    const store = new CheckpointFolder(join(folder, 'deeper', 'down'));
    expect(await store.newest()).toBeUndefined();
    const saved = checkpoint(3, { epoch: 0, step: 3, metric: 1.5 });
    const path = await expectNoLeak(() => store.save(saved));
    const found = (await store.newest())!;
    expect(found).toMatchObject({ path, state: saved.state, metadata: saved.metadata, refused: [] });
    expect([...found.tensors.keys()].sort()).toEqual(['model/w', 'velocity/w']);
    const value = found.tensors.get('velocity/w')!;
    expect('bytes' in value && value.bytes).toEqual(new Uint8Array(Float32Array.of(2, -0).buffer));
  });

  it('keeps the newest and the best, and removes temporary files after a kill', async () => {
    const store = new CheckpointFolder(folder);
    await writeFile(`${fileOf(1)}.2d8ef2c9-7447-4a75-ba83-c359f7e412af.tmp`, 'half');
    await writeFile(join(folder, 'notes.txt'), 'mine');
    const best = { epoch: 0, step: 2, metric: 10 };
    for (const step of [1, 2, 3, 4, 5]) await store.save(checkpoint(step, step < 2 ? null : best));
    expect(await store.steps()).toEqual([5, 4, 2]);
    expect((await readdir(folder)).sort()).toEqual([
      'notes.txt',
      ...[2, 4, 5].map((step) => `step-00000000${step}.safetensors`),
    ]);
    expect((await store.best())!.state.step).toBe(2);
  });

  it('keeps new checkpoints of a run resumed before damaged ones', async () => {
    const store = new CheckpointFolder(folder);
    for (const step of [1, 2, 3]) await store.save(checkpoint(step));
    for (const step of [2, 3]) await truncate(fileOf(step), 20);
    await store.save(checkpoint(1));
    expect((await store.newest())!.state.step).toBe(1);
    for (const step of [4, 5]) await store.save(checkpoint(step));
    expect(await store.steps()).toEqual([5, 4]);
  });

  it('uses the newest as the best before the first validation, and if the best is missing', async () => {
    const store = new CheckpointFolder(folder);
    await store.save(checkpoint(1));
    expect((await store.best())!.state.step).toBe(1);
    await store.save(checkpoint(2, { epoch: 0, step: 9, metric: 1 }));
    expect((await store.best())!.state.step).toBe(2);
  });

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ['cut short', (path) => truncate(path, 300), /not a valid safetensors file/],
    ['emptied', (path) => truncate(path, 0), /expected at least 8 bytes, got 0/],
    ['changed in one bit of a weight', flipLastByte, /damaged: its content does not agree with its hash/],
    ['changed in its state', (path) => replace(path, '\\"batch\\":2', '\\"batch\\":1'), /damaged/],
    ['another program’s', (path) => writeSafetensors(path, new Map()), /not a checkpoint: expected the format/],
  ])('names a checkpoint that is %s, and uses the one before', async (_, damage, message) => {
    const store = new CheckpointFolder(folder);
    for (const step of [1, 2]) await store.save(checkpoint(step));
    await damage(fileOf(2));
    const found = (await store.newest())!;
    expect(found.state.step).toBe(1);
    expect(found.refused.map(({ path }) => path)).toEqual([fileOf(2)]);
    expect(found.refused[0]!.error.message).toMatch(message);
    expect(found.refused[0]!.error.message).toContain(fileOf(2));
  });

  it('reports that no checkpoint is whole', async () => {
    const store = new CheckpointFolder(folder);
    await store.save(checkpoint(1));
    await truncate(fileOf(1), 20);
    await expect(store.newest()).rejects.toThrow(/no checkpoint in .* is whole: .*step-000000001/);
  });

  it('reports a folder it cannot write to or read, in one line', async () => {
    await writeFile(join(folder, 'file'), '');
    const inFile = new CheckpointFolder(join(folder, 'file', 'sub'));
    await expect(inFile.save(checkpoint(1))).rejects.toMatchObject({ code: 'VGG_IO' });
    const isFile = new CheckpointFolder(join(folder, 'file'));
    await expect(isFile.newest()).rejects.toThrow(/^cannot read the folder .*file: /);
    expect(() => new CheckpointFolder(folder, { keep: 0 })).toThrow(/keep to be an integer of at least 1, got 0/);
  });

  it('continues a run of an earlier process', async () => {
    const options = { batches: toyBatches(), microBatch: 3, schedule: constant(0.05), seed: 11 };
    const whole = new ToyNet();
    await fit({ ...options, model: whole, optimiser: new MomentumSgd(), epochs: 2 });
    const store = new CheckpointFolder(folder);
    await fit({
      ...options,
      model: new ToyNet(),
      optimiser: new MomentumSgd(),
      epochs: 2,
      maxSteps: 4,
      checkpoints: { store },
    });
    const resume = (await store.newest())!;
    const resumed = new ToyNet({ seed: 9 });
    await fit({ ...options, model: resumed, optimiser: new MomentumSgd(), epochs: 2, resume });
    expect(resume.state.step).toBe(4);
    expect(weightsOf(resumed)).toEqual(weightsOf(whole));
  });

  it('restores a net without an optimiser', async () => {
    const store = new CheckpointFolder(folder);
    const net = new ToyNet();
    await fit({
      model: net,
      optimiser: new MomentumSgd(),
      batches: toyBatches(),
      microBatch: 3,
      schedule: constant(0.05),
      seed: 1,
      epochs: 1,
      checkpoints: { store },
    });
    const other = new ToyNet({ seed: 3 });
    restoreCheckpoint((await store.newest())!, other);
    expect(weightsOf(other)).toEqual(weightsOf(net));
  });
});

async function flipLastByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
}

async function replace(path: string, from: string, to: string): Promise<void> {
  const text = (await readFile(path)).toString('latin1');
  if (!text.includes(from)) throw new Error(`no ${from} in ${path}`);
  await writeFile(path, Buffer.from(text.replace(from, to), 'latin1'));
}
