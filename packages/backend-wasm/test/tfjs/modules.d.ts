/** The parts used of modules without types of their own. */
declare module 'jasmine-core/lib/jasmine-core/jasmine.js' {
  const jasmineRequire: unknown;
  export default jasmineRequire;
}

declare module 'jasmine-core/lib/jasmine-core/node_boot.js' {
  interface SpecDone {
    fullName: string;
    status: string;
    failedExpectations: { message: string }[];
  }
  interface Environment {
    configure(options: { random: boolean }): void;
    addReporter(reporter: { specDone(result: SpecDone): void }): void;
    execute(): Promise<unknown>;
  }
  const boot: (jasmineRequire: unknown) => { getEnv(): Environment; DEFAULT_TIMEOUT_INTERVAL: number };
  export default boot;
}

/** Imports every spec file; `run.ts` writes it. */
declare module 'tfjs-specs';
