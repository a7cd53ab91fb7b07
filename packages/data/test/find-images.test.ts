/** The images that words stand for. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { fetchImage, MAX_IMAGE_BYTES, readStandardInput } from '../src/node/fetch-image';
import { findImages, readFoundImage } from '../src/node/find-images';
import { loadImage } from '../src/node/load-image';
import { patternImage, png } from './images';

const home = mkdtempSync(join(tmpdir(), 'find-images-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

for (const folder of ['a/deep', 'b', 'empty', 'a/.hidden', 'a/@eaDir/2.jpg', 'a/__MACOSX'])
  mkdirSync(join(home, folder), { recursive: true });
for (const file of [
  'a/2.jpg',
  'a/1.PNG',
  'a/deep/3.webp',
  'a/notes.txt',
  'a/.hidden/4.jpg',
  'a/@eaDir/2.jpg/SYNOPHOTO_THUMB_M.jpg',
  'a/__MACOSX/._2.jpg',
  'a/__MACOSX/5.jpg',
  'b/[1].jpg',
  'b/1.jpg',
  'b/x.jpeg',
]) {
  writeFileSync(join(home, file), '');
}
symlinkSync(home, join(home, 'a', 'up'));

/** Returns the names of the images of words, relative to the folder, or their faults. */
function found(...words: string[]): string[] {
  const paths = words.map((word) => (/^(-$|https?:)/.test(word) ? word : join(home, word)));
  return findImages(paths).map(({ name, kind, fault }) => {
    if (fault !== undefined) return fault.replaceAll(`${home}/`, '');
    return kind === 'file' ? relative(home, name) : `${kind} ${name}`;
  });
}

describe('findImages', () => {
  it('lists files as they are named, and the images of a folder and of its folders in order', () => {
    expect(found('b/x.jpeg', 'a')).toEqual(['b/x.jpeg', 'a/1.PNG', 'a/2.jpg', 'a/deep/3.webp']);
  });

  it.each([
    ['*/*.jpg', ['a/2.jpg', 'b/1.jpg', 'b/[1].jpg']],
    ['**/*.{jpg,webp}', ['a/2.jpg', 'b/1.jpg', 'b/[1].jpg', 'a/deep/3.webp']],
    ['b/?.jpg', ['b/1.jpg']],
    ['b/[!x]*.jp*g', ['b/1.jpg', 'b/[1].jpg']],
    ['[ab]', ['a/1.PNG', 'a/2.jpg', 'a/deep/3.webp', 'b/1.jpg', 'b/[1].jpg', 'b/x.jpeg']],
  ])('expands %s, which a shell may leave', (pattern, names) => {
    expect(found(pattern)).toEqual(names);
  });

  it('expands a pattern that is longer than a name can be, and refuses such a name', () => {
    const others = Array.from({ length: 80 }, (_, i) => `none${i}`).join();
    expect(found(`b/{1,${others}}.jpg`)).toEqual(['b/1.jpg']);
    expect(found(`b/{2,${others}}.jpg`)).toEqual([expect.stringMatching(/: no file matches this pattern$/)]);
    expect(found(`b/${'x'.repeat(300)}.jpg`)).toEqual([expect.stringMatching(/x\.jpg: .*name/)]);
  });

  it('finds and reads names that are not UTF-8, in folders and by patterns', async () => {
    const bytes = (text: string) => Buffer.from(text, 'latin1');
    const folder = join(home, 'bytes');
    mkdirSync(Buffer.concat([Buffer.from(`${folder}/`), bytes('K\xe4tze')]), { recursive: true });
    const image = await png(patternImage(8, 8));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), bytes('K\xe4tze/gr\xfcn.png')]), image);
    const [inFolder] = findImages([folder]);
    expect(inFolder!.name).toBe(join(folder, 'K\\xe4tze', 'gr\\xfcn.png'));
    expect(await readFoundImage(inFolder!)).toMatchObject({ width: 8, height: 8 });
    expect(findImages([join(folder, '**', '*.png')])).toEqual([inFolder]);
    expect(findImages([join(folder, 'K*', 'gr?n.png')])).toEqual([inFolder]);
  });

  it('does not take an empty word for the present folder', () => {
    expect(findImages([''])).toEqual([
      { name: '', kind: 'file', fault: 'expected the name of an image, got an empty one' },
    ]);
  });

  it('prefers a file of this name to a pattern', () => {
    expect(found('b/[1].jpg')).toEqual(['b/[1].jpg']);
  });

  it('knows addresses and standard input', () => {
    expect(found('https://example.com/a.jpg', '-')).toEqual(['address https://example.com/a.jpg', 'standard input -']);
    expect(() => found('-', '-')).toThrow(/expected -, standard input, once/);
  });

  it('finds a link to itself, whose fault is its own', () => {
    mkdirSync(join(home, 'links'));
    symlinkSync('loop.jpg', join(home, 'links/loop.jpg'));
    expect(found('links/*', 'links')).toEqual(['links/loop.jpg', 'links/loop.jpg']);
    expect(found('links/*/*.jpg')).toEqual(['links/*/*.jpg: no file matches this pattern']);
    expect(found('links/loop.jpg')).toEqual([expect.stringMatching(/^links\/loop\.jpg: .*links/)]);
  });

  it('follows links to folders, and reads no folder twice', () => {
    mkdirSync(join(home, 'linked/in'), { recursive: true });
    mkdirSync(join(home, 'elsewhere'));
    writeFileSync(join(home, 'linked/in/1.jpg'), '');
    writeFileSync(join(home, 'elsewhere/2.jpg'), '');
    symlinkSync('../elsewhere', join(home, 'linked/out'));
    symlinkSync('..', join(home, 'linked/in/back'));
    expect(found('linked')).toEqual(['linked/in/1.jpg', 'linked/out/2.jpg']);
  });

  it.skipIf(process.platform === 'win32')('names a pipe in a folder, which would be read for ever', () => {
    mkdirSync(join(home, 'pipes'));
    execFileSync('mkfifo', [join(home, 'pipes/1.jpg')]);
    writeFileSync(join(home, 'pipes/2.jpg'), '');
    expect(found('pipes')).toEqual(['pipes/1.jpg is a pipe or a device, not a file', 'pipes/2.jpg']);
  });

  it.skipIf(process.platform === 'win32')('reads a pipe that is named to its end, and no device', async () => {
    const file = join(home, 'large.png');
    const { data, width, height } = patternImage(400, 400);
    for (let i = 0; i < data.length; i++) data[i] = (data[i]! * 7919 + i * i) & 255;
    writeFileSync(file, await png({ data, width, height }));
    expect(statSync(file).size).toBeGreaterThan(256 * 1024);
    const pipe = join(home, 'pipe.png');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', file, pipe]);
    const [image] = findImages([pipe]);
    expect(Buffer.compare((await readFoundImage(image!)).data, data)).toBe(0);
    writer.kill();
    const [device] = findImages(['/dev/zero']);
    await expect(readFoundImage(device!)).rejects.toThrow(/\/dev\/zero: it is a device, not a file$/);
  });

  it('takes addresses of files, and names those of other kinds', () => {
    const address = pathToFileURL(join(home, 'b/[1].jpg')).href;
    expect(findImages([address])).toEqual([expect.objectContaining({ kind: 'file', path: join(home, 'b/[1].jpg') })]);
    expect(findImages(['ftp://host/1.jpg'])[0]?.fault).toBe(
      'ftp://host/1.jpg: expected an address of http, https or file',
    );
  });

  it('says that a link leads to no file', async () => {
    mkdirSync(join(home, 'broken'));
    symlinkSync('nowhere.jpg', join(home, 'broken/1.jpg'));
    const [image] = findImages([join(home, 'broken')]);
    await expect(readFoundImage(image!)).rejects.toThrow(/1\.jpg: this link leads to no file$/);
  });

  it('says what is wrong with a word', () => {
    expect(found('nosuch.jpg', 'b/*.tif', 'empty')).toEqual([
      'nosuch.jpg: there is no such file',
      'b/*.tif: no file matches this pattern',
      'empty: the folder has no images',
    ]);
  });
});

describe('fetchImage', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(answer: RequestListener): Promise<string> {
    server = createServer(answer);
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.jpg`;
  }

  it('returns the bytes at an address, also after a redirection', async () => {
    const address = await serve(({ url }, response) => {
      if (url === '/x.jpg') response.writeHead(302, { location: '/y.jpg' }).end();
      else response.end('image');
    });
    expect(String(await fetchImage(address))).toBe('image');
  });

  it.each<[string, string, RequestListener, RegExp]>([
    [
      'an error',
      'VGG_IO',
      (_, response) => response.writeHead(404).end(),
      /x\.jpg cannot be fetched: the server answers 404 Not Found: check the address$/,
    ],
    [
      'a page',
      'VGG_IMAGE',
      (_, response) => response.setHeader('content-type', 'text/html').end('<p>'),
      /x\.jpg: a web page, not an image/,
    ],
    [
      'a large file',
      'VGG_IMAGE',
      (_, response) => response.writeHead(200, { 'content-length': MAX_IMAGE_BYTES + 1 }).write('x'),
      /more than 64 MiB/,
    ],
    [
      'a file without end',
      'VGG_IMAGE',
      (_, response) => {
        const piece = Buffer.alloc(2 ** 20);
        const write = () => {
          while (!response.destroyed && response.write(piece)) {}
        };
        response.on('drain', write).on('error', () => {});
        write();
      },
      /more than 64 MiB/,
    ],
    ['a broken connection', 'VGG_IO', ({ socket }) => socket.destroy(), /x\.jpg cannot be fetched: /],
  ])('refuses %s in one line, also for loadImage and readFoundImage', async (_, code, answer, message) => {
    const address = await serve(answer);
    const [found] = findImages([address]);
    for (const load of [() => fetchImage(address), () => loadImage(address), () => readFoundImage(found!)]) {
      await expect(load()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    }
  });

  it('stops by a signal, before and during a download', async () => {
    const stop = new AbortController();
    const address = await serve((_, response) => {
      response.writeHead(200).write('x');
      stop.abort(new Error('stopped'));
    });
    await expect(fetchImage(address, { signal: stop.signal })).rejects.toThrow(/^stopped$/);
    expect(stop.signal.aborted).toBe(true);
    await expect(fetchImage(address, { signal: stop.signal })).rejects.toThrow(/^stopped$/);
  });

  it('names a server that refuses the connection', async () => {
    const address = await serve(() => {});
    await new Promise((resolve) => server!.close(resolve));
    await expect(fetchImage(address)).rejects.toThrow(/its server refuses the connection/);
  });
});

describe('readStandardInput', () => {
  const stream = (...parts: Buffer[]) => {
    const pipe = new PassThrough();
    for (const part of parts) pipe.write(part);
    pipe.end();
    return pipe as unknown as NodeJS.ReadStream;
  };

  it('joins the parts of a pipe, and refuses nothing and too much', async () => {
    expect(String(await readStandardInput(stream(Buffer.from('im'), Buffer.from('age'))))).toBe('image');
    await expect(readStandardInput(stream())).rejects.toThrow(/got nothing/);
    await expect(readStandardInput(stream(Buffer.alloc(MAX_IMAGE_BYTES + 1)))).rejects.toThrow(/more than 64 MiB/);
  });
});
