/** `npm test`: sets everything up, then lints, type-checks and tests every package, and closes with the totals. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { QUIET_ENVIRONMENT, ROOT, say, setUp } from './setup.mjs';

/** The tested packages: every workspace folder with a test script. */
function testedFolders() {
  return ['packages', 'apps', 'tools']
    .flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(ROOT, group, name)))
    .filter((folder) => {
      const manifest = join(folder, 'package.json');
      return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).scripts?.test !== undefined;
    });
}

/** One package's totals from vitest's own report. A file that failed before its first test counts as one failure. */
function totals(report) {
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const folders = testedFolders();
for (const folder of folders) rmSync(join(folder, 'test-results.json'), { force: true });
setUp();

const turbo = ['exec', 'turbo', 'run', 'lint', 'lint:root', 'typecheck', 'test', '--continue', '--concurrency=2'];
const tasks = spawnSync('pnpm', [...turbo, '--output-logs=new-only', ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, ...QUIET_ENVIRONMENT },
});

let [passed, failed, skipped] = [0, 0, 0];
for (const folder of folders) {
  const file = join(folder, 'test-results.json');
  if (!existsSync(file)) {
    say(`${folder.slice(ROOT.length)} left no test report: its tests did not run`);
    failed += 1;
    continue;
  }
  const total = totals(JSON.parse(readFileSync(file, 'utf8')));
  passed += total.passed;
  failed += total.failed;
  skipped += total.skipped;
}
if (tasks.status !== 0 && failed === 0) say('lint or typecheck failed; see above');
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(tasks.status === 0 && failed === 0 ? 0 : 1);
