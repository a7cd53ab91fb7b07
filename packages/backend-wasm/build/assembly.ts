/**
 * Compiles `assembly/` when a bundle imports `kernels.wasm`, and embeds the module in the bundle: only the
 * stock backend's own file has to be fetched.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';
import { build as bundle, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DATA_SECTION = 11;

/** Compiles the module. Throws with the compiler's report, or if the module has a data section. */
export async function compileKernels(): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const report: string[] = [];
  const { error } = await main(
    [
      'assembly/index.ts',
      '--outFile=kernels.wasm',
      '-O3',
      '--noAssert',
      '--runtime=stub',
      '--importMemory',
      '--noExportMemory',
      // A shared memory has a maximum (src/shared-memory.ts); this is that of the stock module.
      '--maximumMemory=65536',
      '--enable=simd',
    ],
    {
      readFile: (name, base) =>
        readFile(`${base === '.' ? ROOT : `${ROOT}/${base}`}/${name}`, 'utf8').catch(() => null),
      writeFile: (name, contents) => {
        files.set(name, contents as Uint8Array);
      },
      listFiles: () => [],
      stderr: { write: (chunk: string | Uint8Array) => report.push(String(chunk)) },
    } as Parameters<typeof main>[1],
  );
  const bytes = files.get('kernels.wasm');
  if (error || !bytes) throw new Error(`${report.join('')}${error?.message ?? 'no output'}`);
  if (sections(bytes).includes(DATA_SECTION)) throw new Error('kernels.wasm has data, which would overwrite the heap');
  return bytes;
}

/** Bundles the program of a worker, a classic script for browsers and Node. */
async function bundleWorker(): Promise<string> {
  const { outputFiles } = await bundle({
    entryPoints: [`${ROOT}src/worker.ts`],
    bundle: true,
    format: 'iife',
    platform: 'neutral',
    target: 'es2022',
    minify: true,
    write: false,
  });
  return outputFiles[0]!.text;
}

/** Returns the section numbers of a module, in order. */
function sections(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    found.push(bytes[at++]!);
    let size = 0;
    let shift = 0;
    for (;;) {
      const byte = bytes[at++]!;
      size |= (byte & 127) << shift;
      shift += 7;
      if (byte < 128) break;
    }
    at += size;
  }
  return found;
}

/**
 * Resolves every `…/kernels.wasm` import to the compiled module, as a Uint8Array, and every `…/worker.source` import to the source
 * text of `src/worker.ts` with all that it imports.
 */
export const embedKernels: Plugin = {
  name: 'embed-kernels',
  setup(build) {
    build.onResolve({ filter: /\/worker\.source$/ }, () => ({ path: 'worker.js', namespace: 'worker' }));
    build.onLoad({ filter: /.*/, namespace: 'worker' }, async () => ({
      contents: await bundleWorker(),
      loader: 'text',
    }));
    build.onResolve({ filter: /\/kernels\.wasm$/ }, () => ({ path: 'kernels.wasm', namespace: 'assembly' }));
    build.onLoad({ filter: /.*/, namespace: 'assembly' }, async () => ({
      contents: await compileKernels(),
      loader: 'binary',
    }));
  },
};
