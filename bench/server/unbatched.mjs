/**
 * A web server without batches, as a program writes it with the packages of an earlier commit: it decodes by sharp and calls
 * `classify` for each request.
 *
 *   node bench/server/unbatched.mjs CHECKOUT CONFIGURATION WIDTH
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [checkout, configuration, width] = process.argv.slice(2);
const packages = resolve(checkout, 'packages');
const built = (name) => createRequire(`${packages}/${name}/package.json`)(`${packages}/${name}/dist/index.cjs`);
const sharp = createRequire(`${packages}/data/package.json`)('sharp');

const tf = createRequire(`${packages}/models/package.json`)('@tensorflow/tfjs-core');
built('backend-onednn');
await tf.setBackend('onednn');
const { createVgg, heInitialiser } = built('models');
const { classify } = built('eval');
const model = createVgg({ configuration, width: Number(width) }, heInitialiser({ seed: 1 }));
const classes = Array.from({ length: 1000 }, (_, i) => String(i));
const transform = {
  resize: 'shortest',
  scale: 256,
  interpolation: 'pillow-bilinear',
  crop: 224,
  channels: 'RGB',
  range: 1,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

const server = createServer(async (request, response) => {
  if (request.url === '/health') return response.end('{"status":"ok"}');
  try {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { data, info } = await sharp(Buffer.concat(parts)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const image = { data, width: info.width, height: info.height };
    response.end(JSON.stringify({ classes: await classify({ model, classes, transform }, image) }));
  } catch (error) {
    response.statusCode = 500;
    response.end(JSON.stringify({ error: error.message }));
  }
});
server.listen(0, '127.0.0.1', () => console.error(`listening on http://127.0.0.1:${server.address().port}`));
