/** Bundles and runs tfjs-core's specs (`entry.ts`). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface SpecResult {
  name: string;
  status: 'passed' | 'failed' | 'pending';
  message: string;
}

/** Results of all specs in the given files of tfjs-core's `dist`, e.g. 'ops/conv2d_test'. */
export async function runSpecs(files: readonly string[]): Promise<SpecResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-specs-'));
  const { resolve } = createRequire(import.meta.url);
  try {
    const bundle = join(folder, 'specs.mjs');
    const results = join(folder, 'results.json');
    await build({
      entryPoints: [join(import.meta.dirname, 'entry.ts')],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      mainFields: ['module', 'main'],
      // tfjs-core marks modules that register specs and gradients as free of side effects.
      ignoreAnnotations: true,
      logLevel: 'error',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const __filename = import.meta.filename; const __dirname = import.meta.dirname;",
      },
      plugins: [
        {
          name: 'specs',
          setup({ onResolve, onLoad }) {
            onResolve({ filter: /^tfjs-specs$/ }, () => ({ path: 'specs', namespace: 'specs' }));
            onLoad({ filter: /.*/, namespace: 'specs' }, () => ({
              contents: files.map((file) => `import '@tensorflow/tfjs-core/dist/${file}';`).join('\n'),
              resolveDir: import.meta.dirname,
            }));
          },
        },
      ],
    });
    execFileSync(process.execPath, [bundle], {
      env: { ...process.env, SPEC_RESULTS: results, STOCK_WASM: resolve('@tensorflow/tfjs-backend-wasm') },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return JSON.parse(readFileSync(results, 'utf8')) as SpecResult[];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
