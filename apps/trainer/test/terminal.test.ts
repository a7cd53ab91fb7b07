import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createTerminal, duration } from '../src/terminal/terminal';

function recorder(isTTY: boolean, quiet = false) {
  const written: string[] = [];
  let time = 0;
  const stream = { isTTY, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  const terminal = createTerminal({ stream, quiet, now: () => time });
  return { written, terminal, wait: (ms: number) => (time += ms) };
}

describe('duration', () => {
  it('reads as minutes and seconds, with hours when there are any', () => {
    expect([0, 59.6, 65, 7389].map(duration)).toEqual(['0:00', '1:00', '1:05', '2:03:09']);
  });
});

describe('a log that is not a terminal', () => {
  it('writes timestamped lines, with a rate and an estimate every ten seconds', () => {
    const { written, terminal, wait } = recorder(false);
    const progress = terminal.progress('epoch 1/2', 1000, 'images');
    for (let done = 100; done <= 300; done += 100) {
      wait(5000);
      progress.update(done, 'loss 2.3');
    }
    progress.end();
    expect(written).toEqual(['00:00:10 epoch 1/2 200/1000 images, 20 images/s, ETA 0:40, loss 2.3\n']);
  });

  it('follows the pace of the last half minute, not of a slow start', () => {
    const { written, terminal, wait } = recorder(false);
    const progress = terminal.progress('epoch', 10_000, 'images');
    wait(60_000);
    progress.update(60);
    for (let done = 160; done <= 4060; done += 100) {
      wait(1000);
      progress.update(done);
    }
    expect(written.at(-1)).toMatch(/100 images\/s, ETA (0:59|1:00)/);
  });

  it('says nothing but warnings when quiet', () => {
    const { written, terminal, wait } = recorder(false, true);
    terminal.say('hello');
    const progress = terminal.progress('epoch', 10, 'images');
    wait(60_000);
    progress.update(5);
    progress.end();
    terminal.warn('one image was skipped');
    expect(written).toEqual(['00:01:00 warning: one image was skipped\n']);
  });
});

describe('a log of a run', () => {
  it('gives the time left of the run in place of the epoch’s, as the most where it may end early', () => {
    const { written, terminal, wait } = recorder(false);
    const progress = terminal.progress('epoch 1/2', 1000, 'images');
    wait(10_000);
    progress.update(200, 'loss 2.3', { title: 'run', part: 0.105, left: 95, atMost: true });
    expect(written).toEqual(['00:00:10 epoch 1/2 200/1000 images, 20 images/s, run 10 %, ETA ≤ 1:35, loss 2.3\n']);
  });
});

describe('a terminal', () => {
  it('shows the epoch and the run, a line each, no longer than it is wide', () => {
    const written: string[] = [];
    const columns = 50;
    const stream = { isTTY: true, columns, write: (text: string) => written.push(text) > 0 };
    const terminal = createTerminal({
      stream: Object.assign(new PassThrough(), stream) as unknown as NodeJS.WriteStream,
      quiet: false,
    });
    const progress = terminal.progress('epoch 1/2', 1000, 'images');
    progress.update(500, 'loss 2.3', { title: 'run', part: 0.25, left: 90 });
    const lines = written.map((text) => stripVTControlCharacters(text)).filter((text) => text.trim() !== '');
    expect(lines.at(-2)).toMatch(/^epoch 1\/2 \[==== {4}\] 50% 500\/1000 images/);
    expect(lines.at(-1)).toBe('run       [==      ] 25% ETA 1:30, loss 2.3');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
    written.length = 0;
    terminal.say('a line');
    // The display is taken away, the line written where it was, the display put back below.
    expect(written.indexOf('a line\n')).toBeGreaterThan(0);
    expect(written.slice(written.indexOf('a line\n')).join('')).toMatch(/epoch 1\/2[\s\S]*run {7}\[/);
    progress.end();
  });

  it('keeps its line wrapping, which a signal would leave off', () => {
    const written: string[] = [];
    const terminal = createTerminal({
      stream: Object.assign(new PassThrough(), {
        ...{ isTTY: true, columns: 60 },
        write: (text: string) => written.push(text) > 0,
      }) as unknown as NodeJS.WriteStream,
      quiet: false,
    });
    const progress = terminal.progress('epoch 1/2', 1000, 'images');
    progress.update(100, 'loss 2.3');
    terminal.say('a line');
    progress.end();
    expect(written.join('')).toContain('epoch 1/2 [');
    expect(written.join('')).not.toContain('\x1B[?7l');
  });
});
