/**
 * Runs tfjs-core's specs in the same way every time. For the process that {@link bundleSpecs} of `./spec-suite` starts.
 */
/// <reference path="./modules.d.ts" />
import { writeFileSync } from 'node:fs';
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
import boot from 'jasmine-core/lib/jasmine-core/node_boot.js';

export interface SpecResult {
  name: string;
  status: 'passed' | 'failed' | 'pending';
  /** Messages of failed expectations. */
  message: string;
}

interface SpecDone {
  fullName: string;
  status: SpecResult['status'] | 'excluded';
  failedExpectations: { message: string }[];
}

/** The parts that are used of jasmine, which has no types of its own. */
export interface Jasmine {
  DEFAULT_TIMEOUT_INTERVAL: number;
  getEnv(): {
    configure(options: { random: boolean }): void;
    addReporter(reporter: { specDone(result: SpecDone): void }): void;
    execute(): Promise<unknown>;
  };
}

/**
 * Runs the specs that the bundle contains, in the order of their registration, and writes {@link SpecResult}s as JSON
 * to the file SPEC_RESULTS. Register the backend before.
 *
 * @param random Replaces Math.random, with which about one run in a thousand would fail.
 */
export async function recordSpecs(random: () => number): Promise<void> {
  const jasmine = boot(jasmineRequire);
  Math.random = random;
  // No spec is slow, but the machine may be busy.
  jasmine.DEFAULT_TIMEOUT_INTERVAL = 900_000;

  const results: SpecResult[] = [];
  const env = jasmine.getEnv();
  env.configure({ random: false });
  env.addReporter({
    specDone: ({ fullName, status, failedExpectations }) => {
      if (status !== 'excluded') {
        results.push({ name: fullName, status, message: failedExpectations.map((f) => f.message).join('\n') });
      }
    },
  });
  await import('tfjs-specs');
  await env.execute();
  writeFileSync(process.env.SPEC_RESULTS!, JSON.stringify(results));
}
