/**
 * The stack of HDF5's WebAssembly, put back after each call. An error of h5wasm leaves C++ by a JavaScript exception, which
 * nobody catches on the C++ side, so that some 130 bytes stay taken: after 24,000 damaged files the stack ran into the
 * library's data (docs/decisions/0091).
 */

/** What of Emscripten's run time is needed; h5wasm has it, and does not declare it. */
interface Runtime {
  ccall?(name: string, result: 'number', kinds: readonly 'array'[], values: readonly ArrayLike<number>[]): number;
  _htonl?: unknown;
}

function swapped(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/**
 * Where the stack ends, in bytes; `undefined` where the library does not tell. `htonl` is the one function that gives back what
 * it is given, an empty array on the stack, if with its bytes in reverse.
 */
export function stackPointer(module: object): number | undefined {
  const { ccall, _htonl } = module as Runtime;
  if (ccall === undefined || _htonl === undefined) return undefined;
  return swapped(ccall('htonl', 'number', ['array'], [[]]));
}

/**
 * Does `work`, and gives back whatever it left on the stack, whether it threw or not. Emscripten shows no function for that:
 * calling one that is not there with an array of negative length moves the pointer and does no more.
 */
export function withStack<T>(module: object, work: () => T): T {
  const before = stackPointer(module);
  try {
    return work();
  } finally {
    const left = before === undefined ? 0 : before - (stackPointer(module) ?? before);
    if (left > 0) {
      try {
        (module as Runtime).ccall?.('vgg_none', 'number', ['array'], [{ length: -left }]);
      } catch {
        // There is no such function.
      }
    }
  }
}
