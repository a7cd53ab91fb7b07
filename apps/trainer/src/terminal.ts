/**
 * What people see while something runs. Progress and logs go to stderr, results to stdout; a terminal gets one bar that
 * moves, anything else plain timestamped lines, few enough to read.
 */
import { SingleBar } from 'cli-progress';

export interface Terminal {
  /** A line of the log. */
  say(line: string): void;
  /** A warning: something was skipped or looks wrong. */
  warn(line: string): void;
  /** Starts a display for `total` steps, each of `unit`; the last one must have been ended. */
  progress(title: string, total: number, unit: string): Progress;
}

export interface Progress {
  /** How many steps are done; `note` follows the rate: `loss 1.23`. */
  update(done: number, note?: string): void;
  end(): void;
}

export interface TerminalOptions {
  stream: NodeJS.WriteStream;
  quiet: boolean;
  /** Milliseconds, injectable for tests. */
  now?: () => number;
}

/** Between two plain lines of one display, in milliseconds. */
const PLAIN_INTERVAL = 10_000;

/** `1:05` or `2:03:09`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** The pace of the last steps: rate and time left follow it, so that a slow start does not spoil the estimate. */
class Pace {
  readonly #marks: { time: number; done: number }[];
  constructor(now: number) {
    this.#marks = [{ time: now, done: 0 }];
  }

  /** Steps per second over the last 30 seconds, or since the start when less has passed. */
  rate(now: number, done: number): number {
    this.#marks.push({ time: now, done });
    while (this.#marks.length > 2 && now - this.#marks[1]!.time > 30_000) this.#marks.shift();
    const { time, done: before } = this.#marks[0]!;
    return now > time ? ((done - before) * 1000) / (now - time) : 0;
  }
}

function figures(done: number, total: number, rate: number, unit: string, note = ''): string {
  const speed = rate >= 10 ? rate.toFixed(0) : rate.toFixed(1);
  const left = rate > 0 ? duration((total - done) / rate) : '…';
  return `${done}/${total} ${unit}, ${speed} ${unit}/s, ETA ${left}${note === '' ? '' : `, ${note}`}`;
}

export function createTerminal({ stream, quiet, now = Date.now }: TerminalOptions): Terminal {
  const interactive = stream.isTTY === true && !quiet;
  /** The display that moves, while there is one: a line of the log takes it away, is written, and puts it back. */
  let moving: { hide(): void; show(): void } | undefined;

  const write = (line: string) => {
    moving?.hide();
    stream.write(interactive ? `${line}\n` : `${new Date(now()).toISOString().slice(11, 19)} ${line}\n`);
    moving?.show();
  };

  const interactiveProgress = (title: string, total: number, unit: string): Progress => {
    const pace = new Pace(now());
    let [at, payload] = [0, { text: '' }];
    const bar = new SingleBar({
      stream,
      format: `${title} [{bar}] {percentage}% {text}`,
      barsize: (stream.columns ?? 100) < 100 ? 8 : 24,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      clearOnComplete: true,
      gracefulExit: false,
      // A bar cut to the terminal's width: one that turns line wrapping off would leave it off when a signal ends the program.
      linewrap: true,
      fps: 8,
    });
    moving = { hide: () => bar.stop(), show: () => bar.start(total, at, payload) };
    moving.show();
    return {
      update: (done, note) => {
        at = done;
        payload = { text: figures(done, total, pace.rate(now(), done), unit, note) };
        bar.update(at, payload);
      },
      end: () => {
        moving?.hide();
        moving = undefined;
      },
    };
  };

  const plainProgress = (title: string, total: number, unit: string): Progress => {
    const pace = new Pace(now());
    let last = now();
    return {
      update: (done, note) => {
        const rate = pace.rate(now(), done);
        if (now() - last < PLAIN_INTERVAL) return;
        last = now();
        write(`${title} ${figures(done, total, rate, unit, note)}`);
      },
      end: () => {},
    };
  };

  const silent: Progress = { update: () => {}, end: () => {} };
  return {
    say: (line) => {
      if (!quiet) write(line);
    },
    warn: (line) => write(`warning: ${line}`),
    progress: (title, total, unit) =>
      quiet ? silent : interactive ? interactiveProgress(title, total, unit) : plainProgress(title, total, unit),
  };
}
