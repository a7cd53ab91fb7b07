/**
 * Times convolutions, inference and a training step on one peer, in a page. `threads.mjs` bundles it once for each peer; the
 * module 'variant' of @vgg/backend-wasm and of the stock backend prepares TF.js, that of onnxruntime-web has jobs of its own.
 */
import { createJobs } from 'variant';
import { CONVOLUTIONS, NET } from './threads-jobs.mjs';

const threads = Number(new URLSearchParams(location.search).get('threads'));

/** Returns the milliseconds of the fastest run, of at most 60 within a second, after two that are not counted. */
async function fastest(run) {
  await run();
  await run();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0, begin = performance.now(); i < 60 && performance.now() - begin < 1000; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

try {
  const result = {};
  for (const [name, run] of Object.entries(await createJobs({ threads, convolutions: CONVOLUTIONS, net: NET }))) {
    result[name] = await fastest(run);
  }
  await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
} catch (error) {
  await fetch('/result', { method: 'POST', body: JSON.stringify({ error: String(error?.stack ?? error) }) });
}
