import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VggError } from '@vgg/core';

/**
 * Returns the built worker. `src/` and `dist/` both lie directly in the package, so one path holds for sources and for the
 * build; it is a constant, by which Next.js finds the files that a server needs.
 */
export function workerFile(): URL {
  const module: string | undefined = import.meta.url; // A CommonJS bundle has none.
  if (module === undefined) {
    throw new VggError(
      'state',
      'the data worker cannot be found from inside a CommonJS bundle: keep @vgg/data external, or use workers: 0',
    );
  }
  const url = new URL('../dist/worker.js', import.meta.url);
  if (existsSync(url)) return url;
  throw new VggError(
    'state',
    `the data worker ${fileURLToPath(url)} is missing: keep @vgg/data external when bundling, or use workers: 0`,
  );
}
