/**
 * Restores the stack of HDF5's WebAssembly after each call. An error of h5wasm leaves C++ as a JavaScript exception, which no
 * C++ code catches, so that about 130 bytes of the stack stay in use: after 24,000 damaged files the stack overlapped the
 * library's data (docs/decisions/0091).
 */

/** Functions of Emscripten's run time that h5wasm has but does not declare. */
interface Runtime {
  ccall?(name: string, result: 'number', kinds: readonly 'array'[], values: readonly ArrayLike<number>[]): number;
  _htonl?: unknown;
}

function swapBytes(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/**
 * Returns the address of the end of the stack, or `undefined` if it is not known. `htonl` is the only function that returns
 * its argument, here the address of an empty array on the stack, with its bytes in reverse order.
 */
function stackPointer(module: object): number | undefined {
  const { ccall, _htonl } = module as Runtime;
  if (ccall === undefined || _htonl === undefined) return undefined;
  return swapBytes(ccall('htonl', 'number', ['array'], [[]]));
}

/**
 * Runs `work`, then restores the stack pointer, even if it throws. Emscripten has no function for that, but a call of a
 * function that does not exist, with an array of negative length, moves the pointer and does nothing else.
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
        // The call of a function that does not exist throws.
      }
    }
  }
}
