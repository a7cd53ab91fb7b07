/** Compiles the module. Throws with the compiler's report. */
export function compile(): Promise<Buffer>;
