import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrainEvent } from '../src/index';
import { EventFile, MetricsFile } from '../src/node';
import { crc32c, maskedCrc32c } from '../src/node/crc32c';
import { frameRecord, wholeRecords } from '../src/node/tfrecord';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const measures = { loss: 1.5, top1: 25, top5: 0 };
function step(n: number): TrainEvent {
  return {
    type: 'step',
    epoch: Math.floor((n - 1) / 3),
    batch: (n - 1) % 3,
    step: n,
    rate: 0.5,
    metrics: measures,
    running: measures,
    gradientNorm: 2,
    samples: 8,
    seconds: 1,
    imagesPerSecond: 8,
  };
}
function epoch(n: number): TrainEvent {
  return { type: 'epoch', epoch: n, step: 3 * (n + 1), training: measures, best: true, rate: 0.5, seconds: 3 };
}
/** Two epochs of three steps. */
const RUN = [step(1), step(2), step(3), epoch(0), step(4), step(5), step(6), epoch(1)];

describe('CRC-32C', () => {
  it.each([
    // RFC 3720, B.4.
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['"123456789"', Buffer.from('123456789'), 0xe3069283],
  ])('of %s is that of the standard', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('is masked as in TFRecord: rotated right by 15 bits, plus a constant', () => {
    // 0xe3069283 >>> 15 | << 17 = 0x2507c60d; + 0xa282ead8 = 0xc78ab0e5.
    expect(maskedCrc32c(Buffer.from('123456789'))).toBe(0xc78ab0e5);
  });
});

describe('TFRecord framing', () => {
  it('is read up to the first record that is cut short or changed', () => {
    const records = ['one', '', 'three'].map((text) => frameRecord(Buffer.from(text)));
    const file = Buffer.concat(records);
    const read = (bytes: Uint8Array) => [...wholeRecords(bytes)].map(({ data }) => Buffer.from(data).toString());
    expect(read(file)).toEqual(['one', '', 'three']);
    for (let length = 0; length < file.length; length++) expect(read(file.subarray(0, length)).length).toBeLessThan(3);
    for (let at = 0; at < file.length; at++) {
      const changed = Buffer.from(file);
      changed[at]! ^= 1;
      expect(read(changed).length).toBeLessThan(3);
    }
  });
});

/** Returns the `step/loss` and `epoch/training-loss` points of all event files. */
function points(): string[] {
  return eventFiles().flatMap((name) =>
    [...wholeRecords(readFileSync(join(folder, name)))].flatMap(({ data }) => {
      const text = Buffer.from(data).toString('latin1');
      const tag = /step\/loss|epoch\/training-loss/.exec(text)?.[0];
      // wall_time takes 9 bytes, then the step's tag and its number, small enough for one byte.
      return tag === undefined ? [] : [`${tag} ${data[10]}`];
    }),
  );
}
const eventFiles = () =>
  readdirSync(folder)
    .filter((name) => name.includes('tfevents'))
    .sort();
const ALL = ['step/loss 1', 'step/loss 2', 'step/loss 3', 'epoch/training-loss 3', 'step/loss 4', 'step/loss 5'];

describe('event files', () => {
  it.each([
    ['in the middle of an epoch', { step: 4, batch: 1 }, ALL.slice(0, 5)],
    ['at the end of an epoch', { step: 3, batch: 0 }, ALL.slice(0, 4)],
    ['after the last batch of an epoch, before its end', { step: 3, batch: 3 }, ALL.slice(0, 3)],
    ['at the start, without a checkpoint', undefined, []],
  ])('of a run resumed %s contain what the checkpoint knows, once', (_, state, known) => {
    const first = new EventFile(folder);
    for (const event of RUN) first.append(event);
    first.close();
    const second = new EventFile(folder, state);
    expect(points()).toEqual(known);
    second.append(step(5));
    second.close();
    expect(points()).toEqual([...known, 'step/loss 5']);
    expect(eventFiles()).toHaveLength(2);
  });

  it('lose a record that a kill cut short, and no other', () => {
    const first = new EventFile(folder);
    for (const event of RUN.slice(0, 3)) first.append(event);
    first.close();
    const path = join(folder, eventFiles()[0]!);
    truncateSync(path, readFileSync(path).length - 5);
    new EventFile(folder, { step: 9, batch: 1 }).close();
    expect(points()).toEqual(ALL.slice(0, 2));
  });

  it('that cannot be written are an error of one line', () => {
    expect(() => new EventFile(join(folder, 'nowhere'))).toThrow(/^cannot write .*nowhere: there is no such file/);
  });
});

describe('metrics.jsonl', () => {
  const kept = () =>
    readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .map(({ type, step }) => `${type} ${step}`);

  it.each([
    ['in the middle of an epoch', { epoch: 1, step: 4 }, ['step 1', 'step 2', 'step 3', 'epoch 3', 'step 4']],
    ['after the last batch of an epoch, before its end', { epoch: 0, step: 3 }, ['step 1', 'step 2', 'step 3']],
    ['at the start, without a checkpoint', undefined, []],
  ])('of a run resumed %s contains what the checkpoint knows, once', (_, state, known) => {
    const first = new MetricsFile(folder);
    for (const event of [...RUN, { type: 'checkpoint', step: 6, name: 'x' } as const]) first.append(event);
    first.close();
    writeFileSync(join(folder, 'metrics.jsonl'), '{"type":"step","ep', { flag: 'a' });
    const second = new MetricsFile(folder, state);
    second.append(step(5));
    second.close();
    expect(kept()).toEqual([...known, 'step 5']);
  });
});
