import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { FileLock, isProcessAlive, type LockHolder, sha256File } from '../src/node';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function taken(): FileLock {
  const lock = FileLock.take(path);
  if (!(lock instanceof FileLock)) throw new Error(`process ${lock.pid} holds the lock`);
  return lock;
}

/** Writes a lock like one of this process, with other values. */
function writeLock(change: Partial<LockHolder>): void {
  const lock = taken();
  const own = JSON.parse(readFileSync(path, 'utf8')) as LockHolder;
  lock.release();
  writeFileSync(path, JSON.stringify({ ...own, ...change }));
}

async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.on('exit', resolve));
  return child.pid!;
}

describe('a file lock', () => {
  it('is held once; the second attempt names the holder', () => {
    const lock = taken();
    expect(FileLock.take(path)).toMatchObject({ pid: process.pid, host: hostname() });
    lock.release();
    const again = taken();
    lock.release();
    expect(existsSync(path)).toBe(true);
    again.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a process that has ended is replaced', async () => {
    writeLock({ pid: await endedProcess() });
    taken().release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'of a process that has ended is replaced before its parent asks for it',
    async () => {
      // `sleep` takes the place of the shell, and never asks for the exit code of the other one.
      const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60']);
      onTestFinished(() => void parent.kill());
      const pid = Number(await new Promise<Buffer>((resolve) => parent.stdout.once('data', resolve)));
      await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z '), 10_000);
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      writeLock({ pid, began: `${boot} ${stat.split(' ')[21]}` });
      taken().release();
    },
  );

  it.runIf(process.platform === 'linux')('of an earlier process with the same id is replaced', () => {
    writeLock({ began: 'another-boot 1' });
    taken().release();
  });

  it.each(['', '{"pid":', 'null', '{"pid":"1"}'])('that is damaged (%j) is replaced', (text) => {
    writeFileSync(path, text);
    taken().release();
  });

  it('of another machine is kept, until it is stale', () => {
    writeLock({ host: `not-${hostname()}`, pid: 1 });
    expect(FileLock.take(path, 60_000)).toMatchObject({ pid: 1 });
    utimesSync(path, 0, 0);
    expect(FileLock.take(path)).toMatchObject({ pid: 1 });
    expect(FileLock.take(path, 60_000)).toBeInstanceOf(FileLock);
  });

  it('that is refreshed is not stale', () => {
    const lock = taken();
    utimesSync(path, 0, 0);
    lock.refresh();
    expect(FileLock.take(path, 60_000)).toMatchObject({ pid: process.pid });
    lock.release();
    expect(() => lock.refresh()).not.toThrow();
  });

  it('in a folder that does not exist is refused by the system', () => {
    expect(() => FileLock.take(join(folder, 'no', 'lock'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('a process', () => {
  it('is alive until it has ended', async () => {
    expect(isProcessAlive(process.pid)).toBe(true);
    expect(isProcessAlive(await endedProcess())).toBe(false);
  });
});

describe('the SHA-256 of a file', () => {
  it('is that of its bytes', async () => {
    writeFileSync(path, 'abc');
    expect(await sha256File(path)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
