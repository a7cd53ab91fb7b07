/** Programs that use the package as users get it: bundled, each in its own process. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { BUILD_FOLDER } from './native-build';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Version in the folder's package.json. A package with a binary must have the same. */
export const VERSION = '1.2.3';

export interface Program {
  /** Folder from which TF.js resolves, with the package as `dist/onednn.mjs`. */
  folder: string;
  /** Runs a program in that folder, by default with the addon under test. */
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
        // Matches exact names: the files of gradients inside tfjs-core are bundled, as in the published package.
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
