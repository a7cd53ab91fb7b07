/** The parts used of modules without types of their own. */
declare module 'jasmine-core/lib/jasmine-core/jasmine.js' {
  const jasmineRequire: unknown;
  export default jasmineRequire;
}

declare module 'jasmine-core/lib/jasmine-core/node_boot.js' {
  const boot: (jasmineRequire: unknown) => import('@vgg/testing/specs').Jasmine;
  export default boot;
}

/** Imports every spec file; `run.ts` writes it. */
declare module 'tfjs-specs';
