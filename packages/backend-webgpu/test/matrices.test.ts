/** Products on tensor cores: the tests of test/matrices, on a lavapipe that has subgroup matrices. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const why = process.env.VGG_TEST_MATRICES ?? 'not started by vitest.config.ts';

interface Results {
  testResults: {
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

/** Runs those tests by a Vitest of their own and returns its results. */
function run(): Results {
  const folder = mkdtempSync(join(tmpdir(), 'matrices-'));
  const results = join(folder, 'results.json');
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const config = join(import.meta.dirname, 'matrices/vitest.config.ts');
  // Neither this Vitest's variables nor the other lavapipe.
  const others = Object.entries(process.env).filter(([name]) => !/^VITEST|^NODE_OPTIONS$|^LD_LIBRARY_PATH$/.test(name));
  try {
    execFileSync(process.execPath, [vitest, 'run', '--config', config], {
      env: { ...Object.fromEntries(others), VGG_MATRICES_RESULTS: results },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    // Failed tests are among the results.
    if (!existsSync(results)) throw error;
  }
  const text = readFileSync(results, 'utf8');
  rmSync(folder, { recursive: true });
  return JSON.parse(text) as Results;
}

describe.skipIf(why !== '')(`tensor cores${why === '' ? '' : ` (skipped: ${why})`}`, () => {
  it('pass their tests on a lavapipe that has them', () => {
    const { testResults } = run();
    const all = testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = all.filter(({ status }) => status !== 'passed');
    expect(testResults.map(({ message }) => message).filter(Boolean)).toEqual([]);
    expect(failed.map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join('; ')}`)).toEqual([]);
    expect(all.length).toBeGreaterThan(50);
  });
});
