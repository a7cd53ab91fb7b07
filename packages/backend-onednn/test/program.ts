/** Programs that use the package as people get it: bundled, in a process of their own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { BUILD_FOLDER } from './native-build';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** In the folder's package.json; what a package with a binary must have as well. */
export const VERSION = '1.2.3';

export interface Program {
  /** A folder from which TF.js resolves, with the package as `dist/onednn.mjs`. */
  folder: string;
  /** Runs a program that lies in that folder. By default the addon is the one that the tests are about. */
  run(
    source: string,
    environment?: Record<string, string>,
  ): { status: number | null; signal: string | null; stdout: string; stderr: string };
  dispose(): void;
}

export async function bundlePackage(): Promise<Program> {
  mkdirSync(join(PACKAGE, 'build'), { recursive: true });
  const folder = mkdtempSync(join(PACKAGE, 'build', 'test-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: VERSION }));
  await build({
    entryPoints: [join(PACKAGE, 'src/index.ts')],
    outfile: join(folder, 'dist', 'onednn.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@vgg/source'],
    plugins: [
      {
        // By exact name: the gradients' files inside tfjs-core are bundled, as in the published form.
        name: 'tfjs-is-external',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^@tensorflow\/tfjs-(core|backend-cpu)$/ }, () => ({ external: true })),
      },
    ],
    logLevel: 'error',
  });
  return {
    folder,
    run(source, environment = {}) {
      const file = join(folder, 'program.mjs');
      writeFileSync(file, source);
      const { status, signal, stdout, stderr } = spawnSync(process.execPath, [file], {
        encoding: 'utf8',
        env: { ...process.env, VGG_ONEDNN_BUILD: BUILD_FOLDER, ...environment },
      });
      return { status, signal, stdout: stdout.trim(), stderr: stderr.trim() };
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
