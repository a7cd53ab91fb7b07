/** A VGG on one backend and a step of it, for the benchmarks in this folder. */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const built = (folder) => import(`${root}packages/${folder}/dist/index.cjs`).then((module) => module.default ?? module);
/** Imports a package of TF.js as @vgg/models resolves it. */
const peer = (name) => {
  const { resolve } = createRequire(`${root}packages/models/package.json`);
  return import(pathToFileURL(resolve(name)).href);
};

/**
 * @param backend onednn, wasm or cpu.
 * @param job train (forward, backward, momentum SGD) or infer.
 * @param configuration a column of Table 1; `D-bn` is D with batch norm. Nets for sides below 64 have ten classes
 *   and, with batch norm, the small head.
 * @param threads number of threads of onednn or wasm. Default: the backend's own.
 * @returns the backend's module if it is in this repository, TF.js, the net, and `step(number)`, whose result depends
 *   on the whole step: the loss, or one logit.
 */
export async function prepare({ backend, job, batch, configuration, side, width = 1, threads }) {
  const count = Number(batch);
  const pixels = Number(side);
  const [column, norm] = configuration.split('-');
  const tf = await peer('@tensorflow/tfjs-core');
  const { createVgg, heInitialiser } = await built('models');
  const { lossAndGradients, MomentumSgd, softmaxCrossEntropy } = await built('optim');
  const { randomStream } = await built('core');
  const own = backend === 'onednn' || backend === 'wasm';
  const engine = own ? await built(`backend-${backend}`) : await peer('@tensorflow/tfjs-backend-cpu');
  if (threads !== undefined && backend === 'onednn') engine.configure({ threads: Number(threads) });
  if (threads !== undefined && backend === 'wasm') await engine.setThreads(Number(threads));
  await tf.setBackend(backend);

  const classes = pixels < 64 ? 10 : 1000;
  const model = createVgg(
    {
      configuration: column,
      batchNorm: norm === 'bn',
      classes,
      inputSize: pixels,
      head: pixels < 64 && norm ? 'small' : 'paper',
      width: Number(width),
    },
    heInitialiser({ seed: 1 }),
  );
  const values = randomStream(1, 'bench').fillNormal(new Float32Array(count * pixels * pixels * 3));
  const images = tf.tensor4d(values, [count, pixels, pixels, 3]);
  const labels = Int32Array.from({ length: count }, (_, i) => (i * 7) % classes);
  const optimiser = new MomentumSgd();

  async function train(number) {
    let statistics = {};
    const { loss, gradients } = lossAndGradients(() => {
      const dropout = (layer) => randomStream(1, `dropout/${layer}`, number);
      const output = model.apply(images, { training: true, dropout });
      const kept = Object.entries(output.batchStatistics).map(([name, value]) => [name, tf.keep(value)]);
      statistics = Object.fromEntries(kept);
      return softmaxCrossEntropy(output.logits, labels);
    }, model.trainable);
    optimiser.step(model.trainable, gradients, 1e-3);
    if (norm) model.updateStatistics(statistics);
    tf.dispose(statistics);
    const [value] = await loss.data();
    tf.dispose([loss, ...gradients.values()]);
    return value;
  }

  async function infer() {
    const { logits } = model.apply(images);
    const [value] = await logits.data();
    logits.dispose();
    return value;
  }

  return { engine: own ? engine : undefined, tf, model, step: job === 'train' ? train : infer };
}
