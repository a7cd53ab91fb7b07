/** Classification in Node: images from anywhere, in worker threads, while the event loop stays free. */
import { createReadStream, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { createPreparer } from '@vgg/data/node';
import { expectNoLeak } from '@vgg/testing';
import { expect, it, onTestFinished, vi } from 'vitest';
import { classify, decodeImage, loadImage, loadModel, loadNet, type NodeImage, saveModel } from '../src/node';
import { drawStripes, fileOf, temporaryFolder } from './folder';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

async function opened() {
  const net = await loadNet(await fileOf('torchvision'));
  onTestFinished(() => net.model.dispose());
  return { net, folder: await drawStripes(3) };
}

it('gives the same guesses for a path, an address of a file, bytes, a Blob and pixels', async () => {
  const { net, folder } = await opened();
  const path = join(folder, 'lying', '0.jpg');
  const bytes = readFileSync(path);
  const inputs = [path, pathToFileURL(path), bytes, new Blob([new Uint8Array(bytes)]), await decodeImage(bytes)];
  const all = await expectNoLeak(() => classify(net, inputs, { top: 3 }));
  expect(all).toHaveLength(5);
  for (const guesses of all) expect(guesses).toEqual(all[0]);
  expect(await classify(net, path, { top: 3 })).toEqual(all[0]);
  const preparer = createPreparer({ workers: 0 });
  expect(await classify(net, path, { top: 3, preparer })).toEqual(all[0]);
});

it('refuses a stream, whose parts could be images, and takes what loadImage makes of it', async () => {
  const { net, folder } = await opened();
  const path = join(folder, 'lying', '0.jpg');
  const file = await open(path);
  onTestFinished(() => file.close());
  const streams = [
    createReadStream(path),
    createReadStream(path, { encoding: 'utf8' }),
    new Blob([new Uint8Array(readFileSync(path))]).stream(),
    file.readableWebStream(),
    Readable.from([path, path]),
  ];
  for (const stream of streams) {
    await expect(classify(net, stream as unknown as string)).rejects.toMatchObject({
      code: 'VGG_ARGUMENT',
      message:
        'expected an image or several, got a stream: use classify(net, await loadImage(stream)), or an async generator of images',
    });
  }
  const expected = await classify(net, path);
  expect(await classify(net, await loadImage(createReadStream(path, { highWaterMark: 100 })))).toEqual(expected);
  expect(await classify(net, [createReadStream(path, { highWaterMark: 100 })])).toEqual([expected]);
  async function* images(): AsyncGenerator<NodeImage> {
    yield readFileSync(path);
    yield createReadStream(path);
  }
  expect(await classify(net, images())).toEqual([expected, expected]);
});

it('names the image that cannot be used', async () => {
  const { net, folder } = await opened();
  const paths = [join(folder, 'lying', '0.jpg'), join(folder, 'lying', 'none.jpg')];
  await expect(classify(net, paths)).rejects.toThrow(/there is no file .*none.jpg/);
  await expect(classify(net, Buffer.from('text'))).rejects.toMatchObject({ code: 'VGG_IMAGE' });
});

it('replaces threads that failed', async () => {
  const { net, folder } = await opened();
  const path = join(folder, 'lying', '0.jpg');
  const post = vi.spyOn(Worker.prototype, 'postMessage');
  onTestFinished(() => post.mockRestore());
  const expected = await classify(net, path);
  await (post.mock.contexts[0] as Worker).terminate();
  expect(await classify(net, path)).toEqual(expected);
});

it('takes what loadModel returns', async () => {
  const { net, folder } = await opened();
  const path = join(temporaryFolder(), 'net.safetensors');
  await saveModel(path, net.model, { classes: ['a', 'b', 'c'], preprocessing: net.preprocessing! });
  const saved = await loadModel(path);
  const image = join(folder, 'standing', '1.jpg');
  const expected = (await classify(net, image)).map((guess) => ({ ...guess, name: saved.classes[guess.index] }));
  expect(await classify(saved, image)).toEqual(expected);
  saved.model.dispose();
});
