/**
 * Makes the stock module's memory a shared one, which threads need. The stock module without threads declares a memory of its
 * own with the largest size of all, and one bit of that declaration says whether it is shared. Its code is the same for both.
 */

const IMPORT_SECTION = 2;
const MEMORY_SECTION = 5;
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
/** Bits of a memory's limits. */
const HAS_MAXIMUM = 1;
const SHARED = 2;

/**
 * Returns the module with its memory, declared or imported, marked as shared; `undefined` if it has none with a maximum.
 */
export function withSharedMemory(module: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const bytes = module.slice();
  let at = 8;
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('the WebAssembly module is truncated');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const name = () => {
    const length = number();
    at += length;
  };
  const limits = () => {
    const flags = bytes[at++]!;
    number();
    if (flags & HAS_MAXIMUM) number();
  };
  const share = () => {
    if (bytes[at] !== HAS_MAXIMUM) return undefined;
    bytes[at] = HAS_MAXIMUM | SHARED;
    return bytes;
  };
  while (at < bytes.length) {
    const section = number();
    const size = number();
    const end = at + size;
    if (section === MEMORY_SECTION) {
      return number() === 1 ? share() : undefined;
    }
    if (section === IMPORT_SECTION) {
      for (let count = number(); count > 0; count--) {
        name();
        name();
        const kind = bytes[at++]!;
        if (kind === MEMORY) return share();
        if (kind === FUNCTION) number();
        else if (kind === TABLE) {
          at++;
          limits();
        } else at += 2;
      }
    }
    at = end;
  }
  return undefined;
}

/** Returns true if threads can share memory here: in Node, and on pages that are cross-origin isolated. */
export function canShareMemory(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean | undefined };
  return typeof SharedArrayBuffer === 'function' && crossOriginIsolated !== false;
}

/** Returns true for the imports that the stock module's loader passes. */
function areStock(imports: WebAssembly.Imports | undefined): imports is WebAssembly.Imports {
  return (
    imports?.env !== undefined &&
    imports.env === imports.wasi_snapshot_preview1 &&
    'emscripten_resize_heap' in imports.env
  );
}

/** True if the module exports a function of the stock backend; other modules of Emscripten have such imports too. */
function isStock(bytes: Uint8Array): boolean {
  const wanted = new TextEncoder().encode('register_tensor');
  for (let at = bytes.indexOf(wanted[0]!); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

/** Number of calls of {@link instantiateShared} that have not ended. */
let calls = 0;
let restore = () => {};

/**
 * Runs `create` and shares the memory of the stock module that it instantiates. The stock loader offers no place for that, so
 * the functions of `WebAssembly` that instantiate are replaced meanwhile; other modules pass through them unchanged. Where
 * the engine refuses, the memory is not shared.
 */
export async function instantiateShared<T>(create: () => Promise<T>): Promise<T> {
  if (calls++ === 0) restore = replaceInstantiation();
  try {
    return await create();
  } finally {
    if (--calls === 0) restore();
  }
}

function replaceInstantiation(): () => void {
  const { instantiate, instantiateStreaming } = WebAssembly;
  const instantiateBytes = async (source: BufferSource, imports: WebAssembly.Imports) => {
    const bytes = ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source);
    try {
      const shared = isStock(bytes) ? withSharedMemory(bytes) : undefined;
      if (shared !== undefined) return await instantiate(shared, imports);
    } catch {
      // Falls through to the module as it is: its error, if it has one too, is the one to report.
    }
    return instantiate(source, imports);
  };
  const replacements = {
    instantiate: (source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) =>
      source instanceof WebAssembly.Module || !areStock(imports)
        ? instantiate(source as BufferSource, imports)
        : instantiateBytes(source, imports),
    instantiateStreaming: async (source: Response | PromiseLike<Response>, imports?: WebAssembly.Imports) =>
      areStock(imports)
        ? instantiateBytes(await (await source).arrayBuffer(), imports)
        : instantiateStreaming(source, imports),
  };
  try {
    Object.assign(WebAssembly, replacements);
  } catch {
    // A frozen `WebAssembly`: one thread.
  }
  return () => {
    if (WebAssembly.instantiate === replacements.instantiate) Object.assign(WebAssembly, { instantiate });
    if (WebAssembly.instantiateStreaming === replacements.instantiateStreaming) {
      Object.assign(WebAssembly, { instantiateStreaming });
    }
  };
}
