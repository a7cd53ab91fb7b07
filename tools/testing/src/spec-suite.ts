/** Bundles tfjs-core's specs with a backend and runs them in a process of their own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import type { SpecResult } from './specs';

export interface SpecSuite {
  /** Runs all specs with these environment variables and returns their results. Throws if the process fails. */
  run(environment: Record<string, string>): SpecResult[];
  dispose(): void;
}

export interface SpecSuiteOptions {
  /**
   * Path of the script that registers the backend and calls `recordSpecs` with the specs of the module 'tfjs-specs'.
   */
  entry: string;
  /** Spec files in tfjs-core's `dist`, for example 'ops/conv2d_test'. 'tests' is the whole suite. */
  files: readonly string[];
  /** Conditions under which packages export their files. Default none. */
  conditions?: string[] | undefined;
  /** Folder of the bundle, from which Node resolves packages that are not bundled. Default: the system's temporary folder. */
  folder?: string | undefined;
}

/** CommonJS globals that bundled modules use. */
const COMMONJS_GLOBALS =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url); " +
  'const __filename = import.meta.filename; const __dirname = import.meta.dirname;';

/** Bundles the specs once, with the tfjs-core of the entry's package, so that both use one TF.js engine. */
export async function bundleSpecs(options: SpecSuiteOptions): Promise<SpecSuite> {
  const { entry, files, conditions = [] } = options;
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'tfjs-specs-'));
  const bundle = join(folder, 'specs.mjs');
  await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions,
    mainFields: ['module', 'main'],
    // tfjs-core marks modules that register specs and gradients as free of side effects.
    ignoreAnnotations: true,
    logLevel: 'error',
    banner: { js: COMMONJS_GLOBALS },
    plugins: [
      {
        name: 'tfjs-specs',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^tfjs-specs$/ }, () => ({ path: 'specs', namespace: 'specs' }));
          onLoad({ filter: /.*/, namespace: 'specs' }, () => ({
            contents: files.map((file) => `import '@tensorflow/tfjs-core/dist/${file}';`).join('\n'),
            resolveDir: dirname(entry),
          }));
        },
      },
    ],
  });
  return {
    run(environment) {
      const results = join(folder, 'results.json');
      rmSync(results, { force: true });
      execFileSync(process.execPath, [bundle], {
        env: { ...process.env, ...environment, SPEC_RESULTS: results },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      return JSON.parse(readFileSync(results, 'utf8')) as SpecResult[];
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
