/**
 * Measures the time and memory that loading a net from a file takes: the growth of the process, at its peak and in the end,
 * divided by the size of the file. Each file has its own process.
 *
 *   node tools/weights/measure.mjs [--engine onednn,wasm,cpu] FILE...
 *
 * Needs `pnpm build`, and Linux for the peak (/proc).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packages } from './packages.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { engine: { type: 'string', default: 'onednn,wasm' }, once: { type: 'boolean', default: false } },
});

/** Returns the resident memory in bytes, and its peak since the last reset. */
function memory() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const kilobytes = (field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)[1]) * 1024;
  return { resident: kilobytes('VmRSS'), peak: kilobytes('VmHWM') };
}

async function measure(engine, path) {
  const { weights, weightsNode } = await packages(engine);
  writeFileSync('/proc/self/clear_refs', '5');
  const before = memory();
  const start = performance.now();
  const source = await weights.openWeights(await weightsNode.openBytes(path));
  const { model, naming } = await weights.loadNet(source);
  await source.close();
  const seconds = (performance.now() - start) / 1000;
  const { peak } = memory();
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const { resident } = memory();
  const { size } = statSync(path);
  const over = (bytes) => `${((bytes - before.resident) / size).toFixed(2)}x`;
  console.log(
    `${engine} ${path}: ${naming} ${model.options.configuration}, ${(size / 2 ** 20).toFixed(0)} MiB, ` +
      `ready in ${seconds.toFixed(2)} s, memory at the peak ${over(peak)}, after ${over(resident)}`,
  );
}

if (values.once) await measure(values.engine, positionals[0]);
else {
  for (const engine of values.engine.split(',')) {
    for (const path of positionals) {
      const script = fileURLToPath(import.meta.url);
      execFileSync(process.execPath, ['--expose-gc', script, '--once', '--engine', engine, path], { stdio: 'inherit' });
    }
  }
}
