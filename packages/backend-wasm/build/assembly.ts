/**
 * Compiles `assembly/` when a bundle imports `kernels.wasm`, and embeds the module in the bundle: only the
 * stock backend's own file has to be fetched.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';
import type { Plugin } from 'esbuild';

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

/** Resolves every `…/kernels.wasm` import to the compiled module, as a Uint8Array. */
export const embedKernels: Plugin = {
  name: 'embed-kernels',
  setup(build) {
    build.onResolve({ filter: /\/kernels\.wasm$/ }, () => ({ path: 'kernels.wasm', namespace: 'assembly' }));
    build.onLoad({ filter: /.*/, namespace: 'assembly' }, async () => ({
      contents: await compileKernels(),
      loader: 'binary',
    }));
  },
};
