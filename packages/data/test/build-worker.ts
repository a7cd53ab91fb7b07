/** Builds the worker from the current sources before the tests. */
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

export default async function setup(): Promise<void> {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  await build({ config: 'tsup.worker.config.ts', silent: true });
}
