/** The example of the README, unchanged except for its folder. */
import './backend';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, it, vi } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const run = mkdtempSync(join(tmpdir(), 'readme-'));
/** Folder inside the package, where the example's imports are found. */
const cache = join(PACKAGE, '.cache', `readme-${process.pid}`);
afterEach(() => vi.restoreAllMocks());
afterAll(() => {
  for (const path of [run, cache]) rmSync(path, { recursive: true, force: true });
});

it('trains, and continues where it stopped if run twice', async () => {
  const [, example] = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(PACKAGE, 'README.md'), 'utf8'))!;
  const source = example!.replace("RunFolder.open('run'", `RunFolder.open(${JSON.stringify(run)}`);
  expect(source).not.toBe(example);
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  mkdirSync(cache, { recursive: true });
  const outputs: unknown[][] = [];
  for (const name of ['first.ts', 'second.ts']) {
    writeFileSync(join(cache, name), source);
    await import(/* @vite-ignore */ join(cache, name));
    outputs.push(log.mock.calls.flat());
    log.mockClear();
  }
  const [first, second] = outputs;
  expect(first!.at(-1)).toBe('complete');
  expect(first!.filter((value) => typeof value === 'string' && value.endsWith('.safetensors'))).toHaveLength(3);
  expect(second).toEqual(['complete']);
  expect(readdirSync(run)).toEqual(expect.arrayContaining(['checkpoints', 'metrics.jsonl']));
});
