/** Runs the built trainer as a user would, on a few drawn images. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDemoImages } from '@vgg/data/node';
import { afterAll } from 'vitest';

/** The built program. */
export const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A temporary folder, removed after the file's tests; the trainer runs in it and keeps its caches there. */
export const home = mkdtempSync(join(tmpdir(), 'trainer-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** @param onError called with what stderr has so far and the means to send a signal, which is sent once. */
export function trainer(
  words: readonly string[],
  onError: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [CLI, ...words], {
    cwd: home,
    env: { ...process.env, XDG_CACHE_HOME: join(home, 'cache'), npm_lifecycle_event: '' },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += String(text);
  });
  child.stderr.on('data', (text) => {
    stderr += String(text);
    onError(stderr, (signal) => child.killed || child.kill(signal));
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The demo's images, a few of each class. */
export async function images(train = 4, validation = 2): Promise<string> {
  const folder = join(home, 'images');
  await makeDemoImages(folder, { train, validation, seed: 1 });
  return folder;
}

/** Options of a net that trains in a second. */
export const TINY = ['--config', 'A', '--width', '0.0625', '--input', '32', '--engine', 'wasm', '--workers', '1'];
