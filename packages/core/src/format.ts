/** Durations, sizes and times as people read them. */

/** Returns seconds as `1:05` or `2:03:09`, rounded to whole seconds; negative ones as `0:00`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const twoDigits = (value: number) => String(value).padStart(2, '0');
  const end = twoDigits(whole % 60);
  return hours > 0 ? `${hours}:${twoDigits(minutes)}:${end}` : `${minutes}:${end}`;
}

const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

export type ByteUnit = keyof typeof UNITS;

function unitFor(bytes: number): ByteUnit {
  if (bytes >= UNITS.GiB) return 'GiB';
  if (bytes >= UNITS.MiB) return 'MiB';
  return bytes >= UNITS.KiB ? 'KiB' : 'B';
}

/**
 * Returns a number of bytes as `512 B`, `1.5 MiB` or `1,234.5 MiB`, rounded to one decimal.
 *
 * @param unit Default the largest unit of which there is at least one.
 */
export function formatBytes(bytes: number, unit: ByteUnit = unitFor(bytes)): string {
  const rounded = Number((bytes / UNITS[unit]).toFixed(1));
  return `${rounded.toLocaleString('en-US')} ${unit}`;
}

/** Returns a time in UTC as `20260131-095959`, for the names of files and folders. */
export function formatTimestamp(date: Date = new Date()): string {
  return date.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}
