/** Runs tfjs-core's specs on a backend, in their own process: always in the same way, with a record of each spec. */
import { writeFileSync } from 'node:fs';

interface SpecDone {
  fullName: string;
  status: string;
  failedExpectations: { message: string }[];
}

/** Types of the parts of jasmine that are used: it has none. */
export interface Jasmine {
  DEFAULT_TIMEOUT_INTERVAL: number;
  getEnv(): {
    configure(options: { random: boolean }): void;
    addReporter(reporter: { specDone(result: SpecDone): void }): void;
    execute(): Promise<unknown>;
  };
}

export interface SpecRun {
  /** Registers the specs. */
  define: () => Promise<unknown>;
  /** Replacement of Math.random, with which one run in a thousand would fail. */
  random: () => number;
  /** Path of a JSON file for [{ name, status, message }]. */
  file: string;
}

/** Runs specs in the order of their registration. */
export async function recordSpecs(jasmine: Jasmine, { define, random, file }: SpecRun): Promise<void> {
  Math.random = random;
  // No spec is slow, but the machine may be busy.
  jasmine.DEFAULT_TIMEOUT_INTERVAL = 60_000;

  const results: { name: string; status: string; message: string }[] = [];
  const env = jasmine.getEnv();
  env.configure({ random: false });
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
