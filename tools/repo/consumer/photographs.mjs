/** Makes the class folders that the example of @vgg/data's README reads. */
import { mkdir } from 'node:fs/promises';
import sharp from 'sharp';

for (const [name, green] of Object.entries({ cat: 200, dog: 30 })) {
  await mkdir(`photographs/${name}`, { recursive: true });
  for (let i = 0; i < 40; i++) {
    const background = { r: 6 * i, g: green, b: 100 };
    await sharp({ create: { width: 300 + i, height: 280, channels: 3, background } })
      .jpeg()
      .toFile(`photographs/${name}/${i}.jpg`);
  }
}
