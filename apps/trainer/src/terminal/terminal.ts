/**
 * What people see while something runs. Progress and logs go to stderr, results to stdout; a terminal gets one display that
 * moves, anything else plain timestamped lines, few enough to read.
 */
import { MultiBar, type SingleBar } from 'cli-progress';

export interface Terminal {
  /** A line of the log. */
  say(line: string): void;
  /** A warning: something was skipped or looks wrong. */
  warn(line: string): void;
  /** Starts a display for `total` steps, each of `unit`; the last one must have been ended. */
  progress(title: string, total: number, unit: string): Progress;
}

/** What a display is part of: a run of many epochs. It has a line of its own on a terminal. */
export interface Whole {
  /** `run`. */
  readonly title: string;
  /** 0 to 1. */
  readonly part: number;
  /** Seconds; null while nobody can tell. */
  readonly left: number | null;
  /** Whether it may end earlier. */
  readonly atMost?: boolean;
}

export interface Progress {
  /** How many steps are done; `note` follows the rate: `loss 1.23`. */
  update(done: number, note?: string, whole?: Whole): void;
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

function speedOf(rate: number): string {
  return rate >= 10 ? rate.toFixed(0) : rate.toFixed(1);
}

/** `540/1200 images, 312 images/s`. */
function figures(done: number, total: number, rate: number, unit: string): string {
  return `${done}/${total} ${unit}, ${speedOf(rate)} ${unit}/s`;
}

function eta(left: number | null, atMost = false): string {
  return `ETA ${left === null ? '…' : `${atMost ? '≤ ' : ''}${duration(left)}`}`;
}

function leftOf(done: number, total: number, rate: number): number | null {
  return rate > 0 ? (total - done) / rate : null;
}

/** A bar and what follows it, or a whole and its note. */
interface Line {
  title: string;
  part: number;
  text: string;
}

/** A display of one line or two on a terminal, and what became of it. */
class MovingLines {
  readonly #stream: NodeJS.WriteStream;
  #bars: MultiBar | undefined;
  #shown: SingleBar[] = [];
  #lines: readonly Line[] = [];

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  set(lines: readonly Line[]): void {
    const redo = lines.length !== this.#lines.length;
    this.#lines = lines;
    if (this.#bars === undefined) return;
    if (redo) {
      this.hide();
      this.show();
    }
    for (const [i, line] of lines.entries()) this.#shown[i]?.update(line.part * 1000, line);
  }

  show(): void {
    const wide = (this.#stream.columns ?? 100) >= 100;
    this.#bars = new MultiBar({
      stream: this.#stream,
      format: '{title} [{bar}] {percentage}% {text}',
      barsize: wide ? 24 : 8,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      clearOnComplete: true,
      gracefulExit: false,
      // Lines cut to the terminal's width: a display that turns line wrapping off would leave it off when a signal ends the program.
      linewrap: true,
      fps: 8,
    });
    this.#shown = this.#lines.map((line) => this.#bars!.create(1000, line.part * 1000, line));
    this.#bars.update();
  }

  hide(): void {
    this.#bars?.stop();
    this.#bars = undefined;
  }
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
    const lines = new MovingLines(stream);
    const set = (done: number, rate: number, note = '', whole?: Whole) => {
      const here = `${figures(done, total, rate, unit)}, ${duration(leftOf(done, total, rate) ?? 0)} left`;
      const part = total > 0 ? Math.min(1, done / total) : 1;
      if (whole === undefined) {
        const text = `${figures(done, total, rate, unit)}, ${eta(leftOf(done, total, rate))}`;
        lines.set([{ title, part, text: note === '' ? text : `${text}, ${note}` }]);
        return;
      }
      const width = Math.max(title.length, whole.title.length);
      const text = eta(whole.left, whole.atMost);
      lines.set([
        { title: title.padEnd(width), part, text: rate > 0 ? here : figures(done, total, rate, unit) },
        { title: whole.title.padEnd(width), part: whole.part, text: note === '' ? text : `${text}, ${note}` },
      ]);
    };
    set(0, 0);
    moving = lines;
    moving.show();
    return {
      update: (done, note, whole) => set(done, pace.rate(now(), done), note, whole),
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
      update: (done, note = '', whole) => {
        const rate = pace.rate(now(), done);
        if (now() - last < PLAIN_INTERVAL) return;
        last = now();
        const time =
          whole === undefined
            ? eta(leftOf(done, total, rate))
            : `${whole.title} ${Math.floor(100 * whole.part)} %, ${eta(whole.left, whole.atMost)}`;
        write(`${title} ${figures(done, total, rate, unit)}, ${time}${note === '' ? '' : `, ${note}`}`);
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
