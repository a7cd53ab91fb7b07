/** Types of modules that have none: the parts that are used. */
declare module 'jasmine-core/lib/jasmine-core/jasmine.js' {
  const jasmineRequire: unknown;
  export default jasmineRequire;
}

declare module 'jasmine-core/lib/jasmine-core/node_boot.js' {
  const boot: (jasmineRequire: unknown) => import('./specs').Jasmine;
  export default boot;
}

/** Imports the spec files that `bundleSpecs` was called with. */
declare module 'tfjs-specs';
