/** Compiles the module. Throws an error with the compiler's report. */
export function compile(): Promise<Buffer>;
