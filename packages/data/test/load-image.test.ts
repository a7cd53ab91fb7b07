/** Images from paths, addresses, bytes, Blobs, streams and pixels; and their preparation in worker threads. */
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ImageTransform, loadImage as loadInBrowser, type Pixels, prepareImage, type RawImage } from '../src';
import { createPreparer, decodeImage, loadImage, type NodeImage } from '../src/node';
import { folder, jpeg, patternImage, png } from './images';

const image = patternImage(40, 30);
const same = ({ data, width, height }: RawImage) => ({ data: Buffer.from(data), width, height });

/** Serves content of paths. Returns the address. */
async function serve(files: Record<string, Uint8Array>): Promise<string> {
  const server = createServer(({ url }, response) => {
    const content = files[url!];
    if (content === undefined) response.writeHead(404).end();
    else response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('loadImage', () => {
  it('reads paths, file URLs, bytes, Blobs and streams', async () => {
    const content = await png(image);
    const path = join(folder({ 'a.png': content }), 'a.png');
    const inputs: NodeImage[] = [
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      content,
      content.buffer.slice(content.byteOffset, content.byteOffset + content.length) as ArrayBuffer,
      new Blob([new Uint8Array(content)]),
      createReadStream(path, { highWaterMark: 100 }),
      new Blob([new Uint8Array(content)]).stream(),
    ];
    for (const input of inputs) expect(same(await loadImage(input))).toEqual(same(image));
  });

  it('reads addresses', async () => {
    const address = await serve({ '/a.png': await png(image), '/b.png': Buffer.from('not an image') });
    expect(same(await loadImage(`${address}/a.png`))).toEqual(same(image));
    expect(same(await loadImage(new URL(`${address}/a.png`)))).toEqual(same(image));
    await expect(loadImage(`${address}/none.png`)).rejects.toThrow(
      /none.png cannot be fetched: the server answers 404/,
    );
    await expect(loadImage(`${address}/b.png`)).rejects.toMatchObject({
      code: 'VGG_IMAGE',
      message: expect.stringMatching(/^http:.*b.png: /),
    });
    await expect(loadImage('http://127.0.0.1:9/a.png')).rejects.toMatchObject({ code: 'VGG_IO' });
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(loadImage(`${address}/a.png`, { signal })).rejects.toThrow('stopped');
  });

  it('reads data URLs', async () => {
    const content = await png(image);
    const url = `data:image/png;base64,${content.toString('base64')}`;
    expect(same(await loadImage(url))).toEqual(same(image));
    expect(same(await loadImage(new URL(url)))).toEqual(same(image));
    const cut = `data:image/png;base64,${content.subarray(0, 200).toString('base64')}`;
    await expect(loadImage(cut)).rejects.toMatchObject({
      code: 'VGG_IMAGE',
      message: expect.stringMatching(/^data:image\/png;base64,[\w+/]{58}…: .{1,100}$/),
    });
  });

  it('refuses malformed data URLs in one line', async () => {
    for (const url of ['data:', 'data:image/png;base64,%%%', `data:image/png;base64,${'*'.repeat(1000)}`]) {
      const got = url.length > 80 ? `${url.slice(0, 80)}…` : url;
      for (const load of [loadImage, loadInBrowser]) {
        await expect(load(url), url).rejects.toMatchObject({
          code: 'VGG_ARGUMENT',
          message: `expected a data URL such as data:image/png;base64,iVBORw0KGgo=, got "${got}": pass the bytes of the image`,
        });
      }
    }
  });

  it('refuses malformed file URLs in one line', async () => {
    for (const url of ['file:///no%ZZ', 'file://host/x', 'file:///a%2Fb', 'file:///a%00b']) {
      for (const address of [url, new URL(url)]) {
        await expect(loadImage(address), url).rejects.toMatchObject({
          code: 'VGG_ARGUMENT',
          message: `expected a file URL such as file:///folder/photo.jpg, got "${url}": pass the path itself`,
        });
      }
    }
  });

  it('takes pixels in RGB and RGBA, as ImageData has them, over white', async () => {
    const rgba = { data: Uint8ClampedArray.of(10, 20, 30, 255, 0, 0, 0, 0, 0, 0, 0, 51), width: 3, height: 1 };
    const expected = [10, 20, 30, 255, 255, 255, 204, 204, 204];
    for (const load of [loadImage, loadInBrowser]) {
      expect([...(await load(rgba)).data]).toEqual(expected);
      expect(await load(image)).toEqual(image);
      await expect(load({ ...rgba, width: 2 })).rejects.toThrow(
        'pixels of 2x1 have 6 values in RGB or 8 in RGBA, got 12',
      );
    }
  });

  it.each([
    [0, 0, 0],
    [-2, -1, 6],
    [1.5, 2, 9],
  ])('refuses pixels of %s x %s', async (width, height, length) => {
    const pixels = { data: new Uint8Array(length), width, height };
    const message = `pixels need a width and a height that are positive integers, got ${width}x${height}`;
    for (const load of [loadImage, loadInBrowser]) {
      await expect(load(pixels)).rejects.toMatchObject({ code: 'VGG_SHAPE', message });
    }
  });

  it.each([
    [42, 'got number'],
    [null, 'got null'],
    [['a.jpg'], 'got an array'],
    [{ path: 'a.jpg' }, 'got Object'],
  ])('refuses %j', async (value, message) => {
    await expect(loadImage(value as unknown as string)).rejects.toMatchObject({ code: 'VGG_ARGUMENT' });
    await expect(loadImage(value as unknown as string)).rejects.toThrow(message);
    await expect(loadInBrowser(value as unknown as string)).rejects.toThrow(message);
  });

  it('refuses a stream that fails, in one line', async () => {
    const failing = async function* () {
      yield Buffer.from('x');
      throw new Error('the connection is lost');
    };
    const web = new ReadableStream<Uint8Array>({ pull: (stream) => stream.error(new Error('the connection is lost')) });
    for (const stream of [failing(), Readable.from(failing()), web]) {
      await expect(loadImage(stream, { name: 'upload' })).rejects.toMatchObject({
        code: 'VGG_IO',
        message: 'upload cannot be read: the connection is lost',
      });
    }
    await expect(loadImage(createReadStream('/none.jpg'))).rejects.toMatchObject({
      code: 'VGG_IO',
      message: expect.stringMatching(/^the image cannot be read: .*$/),
    });
    const { signal } = new AbortController();
    const text = Readable.from(['text']) as AsyncIterable<Uint8Array>;
    await expect(loadImage(text, { signal })).rejects.toMatchObject({ code: 'VGG_ARGUMENT' });
  });

  it('stops reading a stream by a signal, and closes the stream', async () => {
    const idle = new PassThrough();
    idle.write('x');
    const cancel = vi.fn();
    const web = new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(Buffer.from('x')), cancel });
    const stalled = async function* () {
      yield Buffer.from('x');
      await new Promise(() => {});
    };
    for (const stream of [idle, web, stalled(), new PassThrough()]) {
      const stop = new AbortController();
      const loaded = loadImage(stream, { signal: stop.signal });
      setTimeout(() => stop.abort(new Error('the client left')), 5);
      await expect(loaded).rejects.toThrow(/^the client left$/);
    }
    expect(idle.destroyed).toBe(true);
    expect(cancel).toHaveBeenCalledOnce();
    const unread = new PassThrough();
    await expect(loadImage(unread, { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow('too late');
    expect(unread.destroyed).toBe(true);
  });

  it('reads a whole stream with a signal', async () => {
    const content = await png(image);
    const { signal } = new AbortController();
    const streams = [
      Readable.from([content.subarray(0, 50), content.subarray(50)]),
      new Blob([new Uint8Array(content)]).stream(),
    ];
    for (const stream of streams) expect(same(await loadImage(stream, { signal }))).toEqual(same(image));
  });

  it('of the browser says where Node has its own', async () => {
    await expect(loadInBrowser(await png(image))).rejects.toThrow(/in Node use @vgg\/data\/node/);
  });
});

describe('decodeImage', () => {
  it('takes bytes, and a location of bytes', async () => {
    const content = await png(image);
    expect(same(await decodeImage(content))).toEqual(same(image));
    expect(same(await decodeImage({ kind: 'bytes', data: content }, 'upload'))).toEqual(same(image));
    await expect(decodeImage(content.subarray(0, 200), { name: 'upload' })).rejects.toThrow(/^upload: /);
  });

  it('names a file that does not exist, and how to load from a path', async () => {
    await expect(decodeImage({ kind: 'file', path: '/tmp/nope.jpg' })).rejects.toMatchObject({
      code: 'VGG_IO',
      message: expect.stringMatching(/^there is no file \/tmp\/nope.jpg: check the path/),
    });
    for (const wrong of ['/tmp/nope.jpg', { kind: 'encoded', data: new Uint8Array(3) }, undefined]) {
      await expect(decodeImage(wrong as unknown as Uint8Array, 'u')).rejects.toThrow(
        /^expected the bytes of an image or a location of kind file, bytes, range, planes, pixels, got .*: loadImage takes paths/,
      );
    }
  });
});

const TRANSFORM: ImageTransform = {
  resize: 'shortest',
  scale: 20,
  interpolation: 'pillow-bilinear',
  crop: 16,
  channels: 'RGB',
  range: 1,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

describe('a preparer', () => {
  it.each([0, 1, 3])('with %i workers prepares images as prepareImage does', async (workers) => {
    const preparer = createPreparer({ workers });
    onTestFinished(() => preparer.close());
    const images = [image, patternImage(30, 60, 2), patternImage(16, 16, 3)];
    const inputs: (NodeImage | Pixels)[] = [await png(images[0]!), images[1]!, await png(images[2]!)];
    const prepared = await Promise.all(inputs.map((input) => preparer.prepare(input, TRANSFORM)));
    expect(prepared).toEqual(images.map((each) => prepareImage(each, TRANSFORM)));
  });

  it.each(['pillow-bilinear', 'pillow-bicubic', 'pillow-nearest'] as const)(
    'prepares images as prepareImage does by %s, in any order of colours',
    async (interpolation) => {
      const preparer = createPreparer({ workers: 0 });
      onTestFinished(() => preparer.close());
      const encoded = await jpeg(patternImage(77, 50, 4));
      const decoded = await decodeImage(encoded);
      for (const other of [{ channels: 'BGR' }, { channels: 'RGB', range: 255, resize: 'stretch' }] as const) {
        const transform = { ...TRANSFORM, interpolation, ...other };
        expect(await preparer.prepare(encoded, transform)).toEqual(prepareImage(decoded, transform));
      }
    },
  );

  it('uses its shared memory again for the next images, and returns memory of their own', async () => {
    let allocated = 0;
    const Original = SharedArrayBuffer;
    vi.stubGlobal(
      'SharedArrayBuffer',
      class extends Original {
        constructor(bytes: number) {
          super(bytes);
          if (bytes > 4) allocated++;
        }
      },
    );
    onTestFinished(() => void vi.unstubAllGlobals());
    const preparer = createPreparer({ workers: 0 });
    const images = [image, patternImage(30, 60, 2), patternImage(16, 16, 3)];
    const prepared = [];
    for (const each of images) prepared.push(await preparer.prepare(each, TRANSFORM));
    await expect(preparer.prepare(Buffer.from('no'), TRANSFORM)).rejects.toThrow('the image');
    expect(allocated).toBe(1);
    expect(prepared).toEqual(images.map((each) => prepareImage(each, TRANSFORM)));
    const smaller = { ...TRANSFORM, crop: (TRANSFORM.crop as number) - 1 };
    expect(await preparer.prepare(image, smaller)).toEqual(prepareImage(image, smaller));
    expect(allocated).toBe(2);
    for (const transform of [TRANSFORM, smaller, TRANSFORM, smaller]) await preparer.prepare(image, transform);
    expect(allocated).toBe(2);
  });

  it.each([0, 1])(
    'with %i workers writes to shared memory of the caller, and refuses other memory',
    async (workers) => {
      const preparer = createPreparer({ workers });
      onTestFinished(() => preparer.close());
      const into = new Float32Array(new SharedArrayBuffer(16 * 16 * 3 * 4));
      const first = await preparer.prepare(await png(image), TRANSFORM, { into });
      expect(first.data).toBe(into);
      expect(first).toEqual(prepareImage(image, TRANSFORM));
      const other = patternImage(30, 60, 2);
      expect((await preparer.prepare(other, TRANSFORM, { into })).data).toEqual(prepareImage(other, TRANSFORM).data);
      const wrong = [
        [new Float32Array(768), '768 of not shared memory'],
        [new Float32Array(new SharedArrayBuffer(40)), '10 of shared memory'],
        [{}, '\\[object Object\\]'],
      ] as const;
      for (const [memory, got] of wrong) {
        await expect(
          preparer.prepare(image, TRANSFORM, { into: memory as unknown as Float32Array }),
        ).rejects.toMatchObject({
          code: 'VGG_ARGUMENT',
          message: expect.stringMatching(
            new RegExp(`^expected \`into\` as a Float32Array of 768 numbers over a SharedArrayBuffer, got ${got}$`),
          ),
        });
      }
    },
  );

  it('refuses encoded images with more pixels than it may decode', async () => {
    const preparer = createPreparer({ workers: 0 });
    onTestFinished(() => preparer.close());
    const { width, height, data } = image;
    const bitmap = Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), data]);
    for (const encoded of [await png(image), await jpeg(image), bitmap]) {
      const maxPixels = width * height;
      await preparer.prepare(encoded, TRANSFORM, { maxPixels });
      await expect(preparer.prepare(encoded, TRANSFORM, { maxPixels: maxPixels - 1 })).rejects.toMatchObject({
        code: 'VGG_IMAGE',
        message: `the image: ${width}x${height} is more than ${maxPixels - 1} pixels`,
      });
    }
    await expect(preparer.prepare(image, TRANSFORM, { maxPixels: 0.5 })).rejects.toMatchObject({
      code: 'VGG_ARGUMENT',
    });
  });

  it('names an image that cannot be used, and refuses work after it is closed', async () => {
    const preparer = createPreparer({ workers: 1 });
    await expect(preparer.prepare(Buffer.from('no'), TRANSFORM, { name: 'upload 7' })).rejects.toMatchObject({
      code: 'VGG_IMAGE',
      message: expect.stringMatching(/^upload 7: /),
    });
    const unfinished = preparer.prepare(await png(image), TRANSFORM);
    await Promise.all([
      expect(unfinished).rejects.toThrow('the image preparer is closed'),
      Promise.resolve().then(() => preparer.close()),
    ]);
    await expect(preparer.prepare(image, TRANSFORM)).rejects.toMatchObject({ code: 'VGG_STATE' });
  });

  it('sends only the bytes of the image to its thread, not the memory around them', async () => {
    const preparer = createPreparer({ workers: 1 });
    onTestFinished(() => preparer.close());
    const sizes: number[] = [];
    const send = Worker.prototype.postMessage;
    const post = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message, moved) {
      sizes.push(message.locations[0].data.buffer.byteLength);
      send.call(this, message, moved);
    });
    onTestFinished(() => post.mockRestore());
    const content = await png(image);
    const around = Buffer.alloc(content.length + 2000);
    content.copy(around, 1000);
    const { data, width, height } = image;
    const pixels = new Uint8Array(data.length + 9);
    pixels.set(data, 9);
    await preparer.prepare(around.subarray(1000, 1000 + content.length), TRANSFORM);
    await preparer.prepare({ data: pixels.subarray(9), width, height }, TRANSFORM);
    expect(sizes).toEqual([content.length, data.length]);
  });

  it('has failed when one of its threads ends, and does not keep the process alive', async () => {
    const preparer = createPreparer({ workers: 2 });
    onTestFinished(() => preparer.close());
    const post = vi.spyOn(Worker.prototype, 'postMessage');
    const ref = vi.spyOn(Worker.prototype, 'ref');
    const unref = vi.spyOn(Worker.prototype, 'unref');
    onTestFinished(() => void vi.restoreAllMocks());
    const unfinished = preparer.prepare(await png(patternImage(2000, 2000)), TRANSFORM);
    await vi.waitFor(() => expect(post).toHaveBeenCalled());
    expect(preparer.failed).toBe(false);
    const worker = post.mock.contexts[0] as Worker;
    await Promise.all([
      expect(unfinished).rejects.toThrow('a data worker ended with code 1'),
      Promise.resolve().then(() => worker.terminate()),
    ]);
    expect(preparer.failed).toBe(true);
    for (const one of new Set(ref.mock.contexts)) {
      const last = (spy: typeof ref) => spy.mock.invocationCallOrder[spy.mock.contexts.lastIndexOf(one)]!;
      expect(last(unref)).toBeGreaterThan(last(ref));
    }
  });
});
