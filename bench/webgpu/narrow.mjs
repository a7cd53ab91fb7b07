/**
 * Trains a narrow net of configuration A in float32, in float16, and in float16 on tensor cores, several random seeds of each, and
 * prints the error on images it has not seen. Images are gratings under noise; the direction is the class.
 *
 *   node bench/webgpu/narrow.mjs [--seeds 3] [--steps 60] [--batch 16] [--width 0.0625] [--modes float32,float16,tensor]
 *
 * VGG_WEBGPU_SOFTWARE=1 accepts lavapipe. VGG_NODE is a program that starts Node with a driver that has tensor cores.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '60' },
    batch: { type: 'string', default: '16' },
    width: { type: 'string', default: '0.0625' },
    modes: { type: 'string', default: 'float32,float16,tensor' },
    mode: { type: 'string' },
  },
});
const [seeds, steps, batch, width] = [values.seeds, values.steps, values.batch, values.width].map(Number);
const [SIDE, CLASSES, HELD_OUT] = [32, 8, 256];

const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

if (values.mode === undefined) {
  const args = ['seeds', 'steps', 'batch', 'width'].flatMap((name) => [`--${name}`, values[name]]);
  for (const mode of values.modes.split(',')) {
    const env = { ...process.env, VGG_WEBGPU_TENSOR_CORES: mode === 'tensor' ? '1' : '0' };
    const program = process.env.VGG_NODE ?? process.execPath;
    const file = fileURLToPath(import.meta.url);
    const { status, stdout } = spawnSync(program, [file, '--mode', mode, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) process.exit(1);
    const { device, errors, losses } = JSON.parse(String(stdout));
    const list = (numbers, digits) => numbers.map((x) => x.toFixed(digits)).join(', ');
    console.log(
      `${mode.padEnd(8)} error ${list(errors, 1)} %, mean ${mean(errors).toFixed(1)} %; loss ${list(losses, 3)}; ${device}`,
    );
  }
  process.exit(0);
}

const tf = await import('@tensorflow/tfjs-core');
const { randomStream } = await import('@vgg/core');
const { createVgg, heInitialiser } = await import('@vgg/models');
const { lossAndGradients, MomentumSgd, softmaxCrossEntropy } = await import('@vgg/optim');
const { configure, device } = await import('@vgg/backend-webgpu');

tf.env().set('IS_NODE', false);
configure({ precision: values.mode === 'float32' ? 'float32' : 'float16' });
if (!(await tf.setBackend('webgpu'))) process.exit(1);

/** Images from number `first` on and their classes; each is addressed by its number. */
function draw(first, count) {
  const pixels = new Float32Array(count * SIDE * SIDE * 3);
  const labels = Array.from({ length: count }, (_, i) => (first + i) % CLASSES);
  for (const [i, label] of labels.entries()) {
    const stream = randomStream(1, 'gratings', first + i);
    const [angle, phase] = [
      ((label + 0.6 * (stream.uniform() - 0.5)) * Math.PI) / CLASSES,
      stream.uniform() * 2 * Math.PI,
    ];
    const frequency = 0.5 + 0.7 * stream.uniform();
    const image = stream.fillNormal(pixels.subarray(i * SIDE * SIDE * 3, (i + 1) * SIDE * SIDE * 3));
    for (let at = 0; at < image.length; at++) {
      const [x, y] = [Math.floor(at / 3) % SIDE, Math.floor(at / 3 / SIDE)];
      const wave = Math.sin(frequency * (x * Math.cos(angle) + y * Math.sin(angle)) + phase);
      image[at] = 60 * image[at] + 50 * wave;
    }
  }
  return { images: tf.tensor4d(pixels, [count, SIDE, SIDE, 3]), labels };
}

async function trained(seed) {
  const options = { configuration: 'A', inputSize: SIDE, width, classes: CLASSES, batchNorm: true, dropout: 0 };
  const model = createVgg(options, heInitialiser({ seed }));
  const sgd = new MomentumSgd();
  let last = [];
  for (let step = 0; step < steps; step++) {
    const { images, labels } = draw(HELD_OUT + (seed * steps + step) * batch, batch);
    const { loss, gradients, aux } = lossAndGradients(() => {
      const { logits, batchStatistics } = model.apply(images, { training: true });
      return { loss: softmaxCrossEntropy(logits, labels), aux: batchStatistics };
    }, model.trainable);
    model.updateStatistics(aux);
    last = [...last, (await loss.data())[0]].slice(-10);
    sgd.step(model.trainable, gradients, 0.03 * (1 - step / steps));
    tf.dispose([loss, images, ...gradients.values(), ...Object.values(aux)]);
  }
  let wrong = 0;
  for (let first = 0; first < HELD_OUT; first += 64) {
    const { images, labels } = draw(first, 64);
    const { logits } = model.apply(images);
    const scores = await logits.data();
    for (const [i, label] of labels.entries()) {
      const own = scores.subarray(i * CLASSES, (i + 1) * CLASSES);
      if (own.indexOf(Math.max(...own)) !== label) wrong += 1;
    }
    tf.dispose([images, logits]);
  }
  model.dispose();
  sgd.dispose();
  return { error: (100 * wrong) / HELD_OUT, loss: mean(last) };
}

const results = [];
for (let seed = 1; seed <= seeds; seed++) results.push(await trained(seed));
const { name, precision, tensorCores } = device();
const cores = tensorCores.reason === undefined ? 'on tensor cores' : 'plain';
console.log(
  JSON.stringify({
    device: `${name}, ${precision}, ${cores}`,
    errors: results.map(({ error }) => error),
    losses: results.map(({ loss }) => loss),
  }),
);
process.exit(0);
