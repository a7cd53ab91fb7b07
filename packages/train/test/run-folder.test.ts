import './backend';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { constant, MomentumSgd } from '@vgg/optim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fit } from '../src/index';
import { RunFolder, RunLock } from '../src/node';
import { ToyNet, toyBatches, weightsOf } from './toy';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lockFile = () => join(folder, 'lock.json');
/** Returns the content of a lock of this process, with other values. */
function lockOf(change: object): string {
  const lock = RunLock.take(folder);
  const own = JSON.parse(readFileSync(lockFile(), 'utf8'));
  lock.release();
  return JSON.stringify({ ...own, ...change });
}
/** Returns the id of a process that has ended. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.on('exit', resolve));
  return child.pid!;
}

it('removes temporary files that a kill left, and nothing else', () => {
  const left = 'evaluation.json.2d8ef2c9-7447-4a75-ba83-c359f7e412af.tmp';
  for (const name of [left, 'notes.tmp', 'evaluation.json']) writeFileSync(join(folder, name), '{');
  RunFolder.open(folder).close();
  expect(readdirSync(folder).sort()).toEqual(['evaluation.json', 'notes.tmp']);
});

describe('the lock of a run folder', () => {
  it('is held by one at a time, and released', () => {
    const lock = RunLock.take(folder);
    expect(() => RunLock.take(folder)).toThrow(
      new RegExp(`^${folder} is in use: process ${process.pid} trains in it since .*; wait for it or stop it$`),
    );
    lock.release();
    lock.release();
    const again = RunLock.take(folder);
    lock.release();
    expect(existsSync(lockFile())).toBe(true);
    again.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is replaced if its process has ended', async () => {
    writeFileSync(lockFile(), lockOf({ pid: await deadProcess() }));
    RunLock.take(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('is replaced if another process has the id of its process', () => {
    writeFileSync(lockFile(), lockOf({ began: 'another-boot 1' }));
    RunLock.take(folder).release();
  });

  it.each([
    ['', 'emptied'],
    ['{"pid":', 'cut short'],
    ['null', 'without a process'],
    ['{"pid":"1"}', 'with a process id that is not a number'],
  ])('is replaced if it is %j', (text) => {
    writeFileSync(lockFile(), text);
    RunLock.take(folder).release();
  });

  it('of another machine is kept, and the message says how to remove it', () => {
    writeFileSync(lockFile(), lockOf({ host: `not-${hostname()}`, pid: 1 }));
    expect(() => RunLock.take(folder)).toThrow(
      /process 1 on not-.*; wait for it or stop it, and if it is gone remove /,
    );
  });
});

describe('a run folder', () => {
  const options = { batches: toyBatches(), microBatch: 3, schedule: constant(0.05), seed: 11, epochs: 2 };
  const train = async (path: string, stopAt?: number) => {
    const run = RunFolder.open(path);
    try {
      const resume = await run.checkpoints.newest();
      const { store, onEvent } = run.record(resume);
      const model = new ToyNet({ seed: resume ? 5 : 0 });
      const result = await fit({
        ...options,
        model,
        optimiser: new MomentumSgd(),
        checkpoints: { store, everySteps: 1 },
        onEvent,
        maxSteps: stopAt,
        resume,
      });
      return { result, weights: weightsOf(model) };
    } finally {
      run.close();
    }
  };
  const lines = (path: string) => readFileSync(join(path, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const kept = (path: string) =>
    lines(path)
      .map((line) => JSON.parse(line))
      .map(({ type, step, metrics, training }) => ({ type, step, metrics, training }));

  it('contains a run that another session can continue', async () => {
    const whole = join(folder, 'deeper', 'whole');
    const parts = join(folder, 'parts');
    const uninterrupted = await train(whole);
    for (const stopAt of [1, 3, 4]) await train(parts, stopAt);
    const resumed = await train(parts);
    expect(resumed.weights).toEqual(uninterrupted.weights);
    expect(kept(parts)).toEqual(kept(whole));
    expect(readdirSync(whole).sort()).toEqual(['checkpoints', 'events.out.tfevents.0000000001.vgg', 'metrics.jsonl']);
    expect(readdirSync(parts).filter((name) => name.includes('tfevents'))).toHaveLength(4);
  });

  it('is refused while another process trains in it, and if the system refuses', () => {
    const run = RunFolder.open(folder);
    expect(() => RunFolder.open(folder)).toThrow(/in use/);
    run.close();
    run.close();
    writeFileSync(join(folder, 'file'), '');
    expect(() => RunFolder.open(join(folder, 'file', 'run'))).toThrow(
      /^cannot write the run folder .*run: part of the path is a file$/,
    );
  });
});
