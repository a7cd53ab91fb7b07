/**
 * One measured process of neighbours.mjs.
 *
 *   node bench/onednn/neighbours_job.mjs small|D|style|serve SECONDS
 *
 * Prints one JSON line: images, iterations or requests per second. One second before is not counted.
 */
import { createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { prepare } from './net.mjs';

const [job, seconds] = process.argv.slice(2);
const root = fileURLToPath(new URL('../../', import.meta.url));
const backend = 'onednn';

/** Each job is a function that prepares it and returns a function that runs it once and returns what it did. */
const JOBS = {
  small: () => training({ configuration: 'A-bn', width: 0.125, batch: 64 }),
  D: () => training({ configuration: 'D-bn', width: 0.5, batch: 32 }),
  style,
  serve,
};

async function training({ configuration, width, batch }) {
  const { step } = await prepare({ backend, job: 'train', configuration, side: 32, width, batch });
  let number = 0;
  return async () => {
    await step(number++);
    return batch;
  };
}

/** Style transfer by E at a quarter of its width: one step of Adam on an image of 128 x 128. */
async function style() {
  const options = { backend, job: 'infer', batch: 1, configuration: 'E', side: 128, width: 0.25 };
  const { tf, model } = await prepare(options);
  const perceptual = await import(`${root}packages/perceptual/dist/index.cjs`);
  const { featureDistance, gramMatrices, styleDistance } = perceptual.default ?? perceptual;
  model.freeze('features');
  const layers = ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3'];
  const weights = { relu1_2: 1, relu2_2: 1, relu3_3: 1, relu4_3: 1 };
  const noise = (seed) => tf.randomUniform([1, 128, 128, 3], -1, 1, 'float32', seed);
  const targets = model.features(noise(1), layers);
  const grams = tf.tidy(() => gramMatrices(model.features(noise(2), layers)));
  const image = tf.variable(tf.zeros([1, 128, 128, 3]));
  const optimiser = tf.train.adam(0.05);
  return async () => {
    const value = optimiser.minimize(
      () => {
        const features = model.features(image, layers);
        return tf.add(featureDistance(features, targets, { relu3_3: 1 }), styleDistance(features, grams, weights));
      },
      true,
      [image],
    );
    await value.data();
    value.dispose();
    return 1;
  };
}

/** A web server that classifies images of 64 x 64 by A at a quarter of its width, and eight requests at a time. */
async function serve() {
  const options = { backend, job: 'infer', batch: 1, configuration: 'A', side: 64, width: 0.25 };
  const { tf, model } = await prepare(options);
  const server = createServer(async (incoming, response) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    const bytes = Buffer.concat(parts);
    const numbers = Float32Array.from(bytes, (byte) => byte / 128 - 1);
    const index = tf.tidy(() => tf.argMax(model.apply(tf.tensor4d(numbers, [1, 64, 64, 3])).logits, 1));
    const [guess] = await index.data();
    index.dispose();
    response.end(JSON.stringify({ guess }));
  });
  await new Promise((listening) => server.listen(0, listening));
  server.unref();
  const { port } = server.address();
  const body = Buffer.alloc(64 * 64 * 3, 100);
  const post = () =>
    new Promise((done, failed) => {
      const sent = request({ port, method: 'POST' }, (response) => response.resume().on('end', done));
      sent.on('error', failed).end(body);
    });
  return async () => {
    await Promise.all(Array.from({ length: 8 }, post));
    return 8;
  };
}

const run = await JOBS[job]();

async function repeat(milliseconds) {
  const start = performance.now();
  let done = 0;
  while (performance.now() - start < milliseconds) done += await run();
  return (1000 * done) / (performance.now() - start);
}

await repeat(1000);
console.log(JSON.stringify({ rate: await repeat(1000 * Number(seconds)) }));
process.exit(0);
