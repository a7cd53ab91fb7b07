/** The compiled `assembly/`, embedded by the build. */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

/** The source text of `src/worker.ts` and its imports, embedded by the build. */
declare module '*/worker.source' {
  const text: string;
  export default text;
}
