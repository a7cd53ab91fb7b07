/**
 * Images per second of a whole training step (forward, backward, momentum SGD) or of inference, for a VGG on one backend.
 *
 *   node bench/onednn/step.mjs BACKEND train|infer BATCH [CONFIGURATION=D] [SIDE=224] [STEPS=5]
 *
 * BACKEND: onednn, wasm or cpu. Needs `pnpm build`. Prints one JSON line, as tools that run other peers do: seconds per step
 * are the median after two that are not counted. Threads: VGG_ONEDNN_THREADS.
 */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [backend = 'onednn', job = 'train', batchText = '8', configuration = 'D', sideText = '224', stepsText = '5'] =
  process.argv.slice(2);
const [batch, side, steps] = [batchText, sideText, stepsText].map(Number);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** A workspace package, or TF.js as that package sees it, from this folder, which has no dependencies. */
const from = (folder) => {
  const { resolve } = createRequire(`${root}packages/${folder}/package.json`);
  return (name) => import(pathToFileURL(resolve(name)).href);
};
const tf = await from('models')('@tensorflow/tfjs-core');
const { createVgg, heInitialiser } = await import(`${root}packages/models/dist/index.cjs`).then((m) => m.default ?? m);
const { lossAndGradients, MomentumSgd, softmaxCrossEntropy } = await import(
  `${root}packages/optim/dist/index.cjs`
).then((m) => m.default ?? m);
const { randomStream } = await import(`${root}packages/core/dist/index.cjs`).then((m) => m.default ?? m);

let engine;
if (backend === 'onednn' || backend === 'wasm') {
  engine = await import(`${root}packages/backend-${backend}/dist/index.cjs`).then((m) => m.default ?? m);
} else {
  await from('models')('@tensorflow/tfjs-backend-cpu');
}
await tf.setBackend(backend);

const classes = side < 64 ? 10 : 1000;
const head = 'paper';
const model = createVgg({ configuration, classes, inputSize: side, head }, heInitialiser({ seed: 1 }));
const images = tf.tensor4d(randomStream(1, 'bench').fillNormal(new Float32Array(batch * side * side * 3)), [
  batch,
  side,
  side,
  3,
]);
const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7) % classes);
const optimiser = new MomentumSgd();
const velocities = new Map();

/** The optimiser's rule in the backend's one pass over memory where it has that. */
function update(gradients) {
  if (engine?.momentumSgd === undefined) return optimiser.step(model.trainable, gradients, 1e-3);
  for (const [name, gradient] of gradients) {
    const weights = model.trainable.get(name);
    const velocity = velocities.get(name) ?? tf.tidy(() => tf.variable(tf.zerosLike(weights), false));
    velocities.set(name, velocity);
    engine.momentumSgd(weights, velocity, gradient, { rate: 1e-3, weightDecay: name.endsWith('weight') ? 5e-4 : 0 });
  }
}

async function train(step) {
  const { loss, gradients } = lossAndGradients(
    () =>
      softmaxCrossEntropy(
        model.apply(images, { training: true, dropout: (layer) => randomStream(1, `dropout/${layer}`, step) }).logits,
        labels,
      ),
    model.trainable,
  );
  update(gradients);
  const [value] = await loss.data();
  tf.dispose([loss, ...gradients.values()]);
  return value;
}

async function infer() {
  const { logits } = model.apply(images);
  await logits.data();
  logits.dispose();
}

let longestLag = 0;
let last = performance.now();
const seconds = [];
const processor = [];
for (let step = 0; step < steps + 2; step++) {
  const timer = setInterval(() => {
    const now = performance.now();
    if (step > 1) longestLag = Math.max(longestLag, now - last - 5);
    last = now;
  }, 5);
  last = performance.now();
  const start = performance.now();
  const used = process.cpuUsage();
  if (job === 'train') await train(step);
  else await infer();
  const taken = (performance.now() - start) / 1000;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(used);
  if (step > 1) {
    seconds.push(taken);
    processor.push((user + system) / 1e6);
  }
}
const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const median = middle(seconds);
console.log(
  JSON.stringify({
    peer: backend,
    job,
    configuration,
    batch,
    side,
    seconds: Number(median.toFixed(4)),
    processor_seconds: Number(middle(processor).toFixed(4)),
    images_per_second: Number((batch / median).toFixed(2)),
    longest_lag_ms: Math.round(longestLag),
    fallbacks: Object.fromEntries(engine?.fallbacks?.() ?? []),
    memory: tf.memory(),
  }),
);
