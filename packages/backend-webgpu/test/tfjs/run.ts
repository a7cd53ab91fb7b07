/** Bundles and runs tfjs-core's suite (`entry.ts`). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface SpecResult {
  name: string;
  status: 'passed' | 'failed' | 'pending';
  message: string;
}

/** Results of the specs whose names match a regular expression. */
export async function runSuite(filter: string): Promise<SpecResult[]> {
  // In node_modules, where the package `webgpu` is found.
  const folder = join(import.meta.dirname, '..', '..', 'node_modules', `.tfjs-suite-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const [bundle, results] = [join(folder, 'suite.mjs'), join(folder, 'results.json')];
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
    execFileSync(process.execPath, [bundle], {
      env: { ...process.env, SPEC_RESULTS: results, SPEC_FILTER: filter },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return JSON.parse(readFileSync(results, 'utf8')) as SpecResult[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
