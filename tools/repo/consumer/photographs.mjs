/** Makes what the examples of the READMEs read: class folders of images, a photograph, and a net that describes itself. */
import '@tensorflow/tfjs-backend-cpu';
import { mkdir } from 'node:fs/promises';
import { createVgg } from '@vgg/models';
import { saveModel } from '@vgg/weights/node';
import sharp from 'sharp';

function draw(file, background, width, height) {
  return sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toFile(file);
}

for (const [name, green] of Object.entries({ cat: 200, dog: 30 })) {
  await mkdir(`photographs/${name}`, { recursive: true });
  for (let i = 0; i < 40; i++) {
    await draw(`photographs/${name}/${i}.jpg`, { r: 6 * i, g: green, b: 100 }, 300 + i, 280);
  }
  await mkdir(`photos/${name}`, { recursive: true });
  for (let i = 0; i < 12; i++) await draw(`photos/${name}/${i}.jpg`, { r: 6 * i, g: green, b: 100 }, 72 + i, 72);
}
await draw('photo.jpg', 'green', 80, 70);

const net = createVgg({ configuration: 'A', classes: 2, inputSize: 32, width: 1 / 16, head: 'small' });
await saveModel('model.safetensors', net, {
  classes: ['cat', 'dog'],
  preprocessing: { mean: [124, 117, 104], scale: 40 },
});
