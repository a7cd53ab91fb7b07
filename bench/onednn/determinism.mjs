/**
 * Trains from the same seed in each precision on 1, 2 and 4 threads and on 2 again, each time in a separate process, and
 * compares the weights bit by bit.
 *
 *   node bench/onednn/determinism.mjs [STEPS=100] [BATCH=32] [CONFIGURATION=D-bn] [SIDE=32] [WIDTH=0.25]
 *
 * Exits 1 when runs differ. Needs `pnpm build`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { prepare } from './net.mjs';

const [steps = '100', batch = '32', configuration = 'D-bn', side = '32', width = '0.25', child] = process.argv.slice(2);

if (child === 'child') {
  const { engine, model, step } = await prepare({ backend: 'onednn', job: 'train', batch, configuration, side, width });
  let loss = 0;
  for (let number = 0; number < Number(steps); number++) loss = await step(number);
  const hash = createHash('sha256');
  for (const variable of model.variables.values()) hash.update(new Uint8Array((await variable.data()).buffer));
  console.log(`${hash.digest('hex')} after ${steps} steps, loss ${loss}, oneDNN ${engine.oneDnnVersion}`);
} else {
  const args = [fileURLToPath(import.meta.url), steps, batch, configuration, side, width, 'child'];
  for (const precision of ['float32', 'bfloat16', 'bfloat16-fast']) {
    const runs = ['1', '2', '4', '2'].map((threads) => {
      const env = { ...process.env, VGG_ONEDNN_PRECISION: precision, VGG_ONEDNN_THREADS: threads };
      return spawnSync('node', args, { encoding: 'utf8', env });
    });
    const texts = new Set(runs.map(({ stdout, stderr }) => stdout.trim() || stderr.trim()));
    const same = texts.size === 1 && runs.every(({ status }) => status === 0);
    const found = same ? 'the same bits on 1, 2 and 4 threads, and on 2 again' : 'DIFFERENT';
    console.log([`${precision}: ${found}`, ...texts].join('\n  '));
    if (!same) process.exitCode = 1;
  }
}
