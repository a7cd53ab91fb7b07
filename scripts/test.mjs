/** `npm test`: sets everything up, lints, type-checks and tests every package, and prints the totals last. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { QUIET_ENVIRONMENT, ROOT, say, setUp } from './setup.mjs';

/** Runs turbo. Arguments of the command, such as --filter, are passed on. */
function runTurbo(args) {
  const env = { ...process.env, ...QUIET_ENVIRONMENT };
  const command = ['exec', 'turbo', 'run', ...args, '--continue', ...process.argv.slice(2)];
  return spawnSync('pnpm', command, { cwd: ROOT, stdio: 'inherit', env });
}

/** Returns every workspace folder with a test script. */
function testedFolders() {
  return ['packages', 'apps', 'tools']
    .flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(ROOT, group, name)))
    .filter((folder) => {
      const manifest = join(folder, 'package.json');
      return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).scripts?.test !== undefined;
    });
}

/** Reads the totals of one package from vitest's report. A file that failed before its first test counts as one failure. */
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

/** Describes each failure in a few lines: thousands of lines may lie between it and the end of the output. */
function failures(report, folder) {
  const files = report.testResults.filter(({ status }) => status === 'failed');
  return files.flatMap(({ name, message, assertionResults }) => {
    const file = `${folder.slice(ROOT.length)}${name.slice(folder.length)}`;
    const tests = assertionResults.filter(({ status }) => status === 'failed');
    if (tests.length === 0) return [`FAILED ${file}\n${message}`];
    return tests.map(({ fullName, failureMessages }) => `FAILED ${file}: ${fullName}\n${failureMessages.join('\n')}`);
  });
}

/** Returns the first lines of a text, without colours, for a log. */
const excerpt = (text) => stripVTControlCharacters(text).split('\n').slice(0, 30).join('\n');

const folders = testedFolders();
for (const folder of folders) rmSync(join(folder, 'test-results.json'), { force: true });
setUp({ mpi: 'test' });

const CHECKS = ['lint', 'lint:root', 'typecheck'];
const tasks = runTurbo([...CHECKS, 'test', '--concurrency=3', '--output-logs=new-only']);

let passed = 0;
let failed = 0;
let skipped = 0;
for (const folder of folders) {
  const file = join(folder, 'test-results.json');
  if (!existsSync(file)) {
    say(`${folder.slice(ROOT.length)} has no test report: its tests did not run`);
    failed += 1;
    continue;
  }
  const report = JSON.parse(readFileSync(file, 'utf8'));
  for (const failure of failures(report, folder)) say(excerpt(failure));
  const total = totals(report);
  passed += total.passed;
  failed += total.failed;
  skipped += total.skipped;
}
if (tasks.status !== 0 && failed === 0) {
  // Passed tasks come from the cache: this prints only the messages of the linter and the compiler again.
  runTurbo([...CHECKS, '--output-logs=errors-only']);
  say('lint or typecheck failed');
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(tasks.status === 0 && failed === 0 ? 0 : 1);
