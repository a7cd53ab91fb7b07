/** Bundles and runs tfjs-core's suite (`entry.ts`). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BUILD_FOLDER } from '../native-build';

export interface SpecResult {
  name: string;
  status: 'passed' | 'failed' | 'pending';
  message: string;
}

export interface Suite {
  /** Results of every spec, with these environment variables set. */
  run(environment: Record<string, string>): SpecResult[];
  dispose(): void;
}

/** Bundles the suite once, to be run in several ways. */
export async function bundleSuite(): Promise<Suite> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-suite-'));
  const bundle = join(folder, 'suite.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'entry.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@vgg/source'],
    mainFields: ['module', 'main'],
    // tfjs-core marks modules that register specs and gradients as free of side effects.
    ignoreAnnotations: true,
    logLevel: 'error',
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url); const __filename = import.meta.filename; const __dirname = import.meta.dirname;",
    },
  });
  return {
    run(environment) {
      const results = join(folder, 'results.json');
      rmSync(results, { force: true });
      execFileSync(process.execPath, [bundle], {
        env: { ...process.env, ...environment, SPEC_RESULTS: results, VGG_ONEDNN_BUILD: BUILD_FOLDER },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      return JSON.parse(readFileSync(results, 'utf8')) as SpecResult[];
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
