/**
 * Our side of the loader benchmark: scale-jittered training crops (section 3.1), the same work as
 * torchvision_loader.py. Prints one line of JSON: images and seconds of each timed epoch, and the processor time of all
 * threads per image, including the untimed first epoch. Usage: vgg_loader.mjs FOLDER WORKERS EPOCHS
 */
import { createBatches, openSource } from '../../packages/data/dist/node.js';

const folder = process.argv[2];
const workers = Number(process.argv[3]);
const epochs = Number(process.argv[4]);
const transform = {
  crop: 224,
  scale: [256, 512],
  flip: true,
  colour: {
    values: [0.2175, 0.0188, 0.0045],
    vectors: [
      [-0.5675, -0.5808, -0.5836],
      [0.7192, -0.0045, -0.6948],
      [0.4009, -0.814, 0.4203],
    ],
    sigma: 0.1,
  },
  mean: [123.68, 116.779, 103.939],
};
const { train } = await openSource(folder);
const loader = createBatches(train, { transform, batchSize: 32, seed: 1, workers });
const timings = [];
const before = process.cpuUsage();
let total = 0;
for (let epoch = 0; epoch <= epochs; epoch++) {
  const start = performance.now();
  let images = 0;
  for await (const batch of loader.epoch(epoch)) images += batch.size;
  total += images;
  if (epoch > 0) timings.push({ images, seconds: (performance.now() - start) / 1000 });
}
await loader.close();
const { user, system } = process.cpuUsage(before);
const cpuMilliseconds = (user + system) / 1000 / total;
console.log(JSON.stringify({ node: process.version, cpuMilliseconds, epochs: timings }));
