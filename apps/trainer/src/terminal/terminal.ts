/**
 * Progress and log on stderr; results go to stdout. A terminal shows moving bars; a file or a pipe gets a timestamped line
 * every ten seconds.
 */
import { MultiBar, type SingleBar } from 'cli-progress';

/** Log and progress of a command. */
export interface Terminal {
  /** Writes a line of the log. */
  say(line: string): void;
  /** Writes a warning. */
  warn(line: string): void;
  /** Starts the progress of `total` steps, counted in `unit`; only one may be running. */
  progress(title: string, total: number, unit: string): Progress;
}

/** Larger task that a progress is part of, such as a run of many epochs. A terminal shows it on a second line. */
export interface Whole {
  /** Name of the task, such as `run`. */
  readonly title: string;
  /** Fraction that is done, 0 to 1. */
  readonly part: number;
  /** Seconds left; null if not yet known. */
  readonly left: number | null;
  /** True if the task may end earlier. */
  readonly atMost?: boolean;
}

/** Display of a running task. */
export interface Progress {
  /** Shows how many steps are done; `note`, such as `loss 1.23`, is appended. */
  update(done: number, note?: string, whole?: Whole): void;
  end(): void;
}

const noProgress: Progress = { update: () => {}, end: () => {} };

/** Terminal of a rank other than the first, which alone prints. */
export const SILENT: Terminal = { say: () => {}, warn: () => {}, progress: () => noProgress };

export interface TerminalOptions {
  stream: NodeJS.WriteStream;
  quiet: boolean;
  /** Clock in milliseconds; replaced in tests. Default `Date.now`. */
  now?: () => number;
}

/** Interval of progress lines that do not go to a terminal, in milliseconds. */
const PLAIN_INTERVAL = 10_000;

/** `1:05` or `2:03:09`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Speed of the last 30 seconds, so that a slow start does not spoil the estimate. */
class RecentSpeed {
  readonly #marks: { time: number; done: number }[];
  constructor(now: number) {
    this.#marks = [{ time: now, done: 0 }];
  }

  /** Returns steps per second over the last 30 seconds, or since the start if that is shorter. */
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

/** Returns `540/1200 images, 312 images/s`. */
function figures(done: number, total: number, rate: number, unit: string): string {
  return `${done}/${total} ${unit}, ${speedOf(rate)} ${unit}/s`;
}

function eta(left: number | null, atMost = false): string {
  return `ETA ${left === null ? '…' : `${atMost ? '≤ ' : ''}${duration(left)}`}`;
}

function leftOf(done: number, total: number, rate: number): number | null {
  return rate > 0 ? (total - done) / rate : null;
}

/** Contents of one line of the display: title, bar, text. */
interface Line {
  title: string;
  part: number;
  text: string;
}

/** One or two progress bars on a terminal, which can be hidden while a line of the log is written. */
class MovingLines {
  readonly #stream: NodeJS.WriteStream;
  #bars: MultiBar | undefined;
  #shown: SingleBar[] = [];
  #lines: readonly Line[] = [];

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  set(lines: readonly Line[]): void {
    const changed = lines.length !== this.#lines.length;
    this.#lines = lines;
    if (this.#bars === undefined) return;
    if (changed) {
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
      // Keep line wrapping on: a signal that ends the program could otherwise leave it off.
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
  /** The bars on the terminal, hidden while a line of the log is written. */
  let moving: { hide(): void; show(): void } | undefined;

  const write = (line: string) => {
    moving?.hide();
    stream.write(interactive ? `${line}\n` : `${new Date(now()).toISOString().slice(11, 19)} ${line}\n`);
    moving?.show();
  };

  const interactiveProgress = (title: string, total: number, unit: string): Progress => {
    const speed = new RecentSpeed(now());
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
      update: (done, note, whole) => set(done, speed.rate(now(), done), note, whole),
      end: () => {
        moving?.hide();
        moving = undefined;
      },
    };
  };

  const plainProgress = (title: string, total: number, unit: string): Progress => {
    const speed = new RecentSpeed(now());
    let last = now();
    return {
      update: (done, note = '', whole) => {
        const rate = speed.rate(now(), done);
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

  return {
    say: (line) => {
      if (!quiet) write(line);
    },
    warn: (line) => write(`warning: ${line}`),
    progress: (title, total, unit) =>
      quiet ? noProgress : interactive ? interactiveProgress(title, total, unit) : plainProgress(title, total, unit),
  };
}
