/** Compiles the WebAssembly module and embeds it in src/node/baseline.wasm.ts. Usage: node assembly/build.mjs */
import { readFile, writeFile } from 'node:fs/promises';
import { main } from 'assemblyscript/asc';

const ROOT = new URL('..', import.meta.url);

/** Compiles the module. Throws an error with the compiler's report. */
export async function compile() {
  let bytes;
  const report = [];
  const { error } = await main(
    [
      'assembly/index.ts',
      '--outFile=baseline.wasm',
      '-O3',
      '--noAssert',
      '--runtime=stub',
      '--enable=simd',
      '--initialMemory=4',
    ],
    {
      readFile: (name) => readFile(new URL(name, ROOT), 'utf8').catch(() => null),
      writeFile: (_, contents) => {
        bytes = contents;
      },
      listFiles: () => [],
      stderr: { write: (chunk) => report.push(String(chunk)) },
    },
  );
  if (error || !bytes) throw new Error(`${report.join('')}${error?.message ?? 'no output'}`);
  return Buffer.from(bytes);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const lines = (await compile()).toString('base64').match(/.{1,100}/g);
  const text = lines.map((line) => `  '${line}',`).join('\n');
  await writeFile(
    new URL('src/node/baseline.wasm.ts', ROOT),
    `/** Compiled from assembly/index.ts by assembly/build.mjs: do not edit. */\nexport const BASELINE_WASM = [\n${text}\n].join('');\n`,
  );
}
