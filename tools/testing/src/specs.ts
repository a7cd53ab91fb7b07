/** How tfjs-core's specs are run against a backend, in a process of their own: the same each time, with a record of each. */
import { writeFileSync } from 'node:fs';

interface SpecDone {
  fullName: string;
  status: string;
  failedExpectations: { message: string }[];
}

/** The parts used of jasmine, which has no types of its own. */
export interface Jasmine {
  DEFAULT_TIMEOUT_INTERVAL: number;
  getEnv(): {
    configure(options: { random: boolean; specFilter?: (spec: { getFullName(): string }) => boolean }): void;
    addReporter(reporter: { specDone(result: SpecDone): void }): void;
    execute(): Promise<unknown>;
  };
}

export interface SpecRun {
  /** Registers the specs. */
  define: () => Promise<unknown>;
  /** Takes the place of Math.random, which would make one run in a thousand fail. */
  random: () => number;
  /** Where [{ name, status, message }] is written as JSON. */
  file: string;
  /** Names of the specs that run. Default all. */
  filter?: RegExp | undefined;
}

/** Runs specs in the order of their registration. */
export async function recordSpecs(jasmine: Jasmine, { define, random, file, filter = /(?:)/ }: SpecRun): Promise<void> {
  Math.random = random;
  // None is slow, but the machine may be busy.
  jasmine.DEFAULT_TIMEOUT_INTERVAL = 60_000;

  const results: { name: string; status: string; message: string }[] = [];
  const env = jasmine.getEnv();
  env.configure({ random: false, specFilter: (spec) => filter.test(spec.getFullName()) });
  env.addReporter({
    specDone: ({ fullName, status, failedExpectations }) => {
      if (status !== 'excluded') {
        results.push({ name: fullName, status, message: failedExpectations.map((f) => f.message).join('\n') });
      }
    },
  });
  await define();
  await env.execute();
  writeFileSync(file, JSON.stringify(results));
}
