import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js/index-native.js';
import sharp from 'sharp';
import { create, Header } from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FetchOptions, fetchDataSet, openSource, PUBLIC_DATA_SETS, type PublicDataSet } from '../src/node';
import { unpackMember, unpackTar } from '../src/node/public/unpack';

let folder: string;
let server: Server;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let address: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-public-'));
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

/** Answers requests for a file, including requests for the rest of it. */
const serve = (body: Buffer) => (request: IncomingMessage, response: ServerResponse) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start > 0) response.setHeader('content-range', `bytes ${start}-${body.length - 1}/${body.length}`);
  response.writeHead(start > 0 ? 206 : 200, { etag: '"1"', 'content-length': body.length - start });
  response.end(body.subarray(start));
};

/** Returns an archive like CIFAR-10's, with two images in each file. */
async function cifar(): Promise<Buffer> {
  const top = join(folder, 'cifar-10-batches-bin');
  mkdirSync(top);
  const record = (label: number) => Buffer.concat([Buffer.from([label]), Buffer.alloc(3072, 17 * label)]);
  for (const name of [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`).concat('test_batch.bin')) {
    writeFileSync(join(top, name), Buffer.concat([record(1), record(9)]));
  }
  writeFileSync(join(top, 'batches.meta.txt'), Array.from({ length: 10 }, (_, i) => `class ${i}\n`).join(''));
  const file = join(folder, 'cifar.tar.gz');
  await create({ file, cwd: folder, gzip: true }, ['cifar-10-batches-bin']);
  rmSync(top, { recursive: true });
  return readFileSync(file);
}

function setOf(body: Buffer, changes: Partial<PublicDataSet> = {}): PublicDataSet {
  return {
    ...PUBLIC_DATA_SETS.cifar10,
    url: `${address}/cifar-10-binary.tar.gz`,
    size: body.length,
    hash: `sha256:${createHash('sha256').update(body).digest('hex')}`,
    train: 10,
    validation: 2,
    ...changes,
  };
}

const cache = () => join(folder, 'cache');
const get = (set: PublicDataSet, options: FetchOptions = {}) => fetchDataSet(set, { cache: cache(), ...options });

async function failure(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (reason: Error) => reason,
  );
  expect(error.message).not.toMatch(/\n/);
  return error as Error & { code: string };
}

describe('a public data set', () => {
  it('is downloaded, checked, unpacked and kept; the second time without requests', async () => {
    const body = await cifar();
    answer = serve(body);
    const progress: number[] = [];
    const path = await get(setOf(body), { onProgress: ({ received }) => progress.push(received) });
    expect(path).toBe(join(cache(), 'cifar10'));
    expect(progress.at(-1)).toBe(body.length);
    const { layout, train, validation, classes } = await openSource(path);
    expect([layout, train!.length, validation!.length, classes[9]]).toEqual(['CIFAR-10', 10, 2, 'class 9']);
    expect(JSON.parse(readFileSync(join(path, '.origin.json'), 'utf8'))).toEqual({
      name: 'cifar10',
      url: `${address}/cifar-10-binary.tar.gz`,
      size: body.length,
      sha256: setOf(body).hash.slice('sha256:'.length),
    });
    expect(readdirSync(cache())).toEqual(['cifar10']);
    await new Promise((resolve) => server.close(resolve));
    expect(await get(setOf(body))).toBe(path);
    expect(requests).toHaveLength(1);
  });

  it('is downloaded from a mirror under the same file name', async () => {
    const body = await cifar();
    answer = serve(body);
    await get(setOf(body, { url: 'https://nowhere.invalid/deep/cifar.tgz' }), { mirror: `${address}/copies/` });
    expect(requests.map(({ url }) => url)).toEqual(['/copies/cifar.tgz']);
  });

  it('resumes an interrupted download', async () => {
    const body = await cifar();
    const stop = new AbortController();
    answer = (_, response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': body.length });
      response.write(body.subarray(0, 100));
    };
    const onProgress = ({ received }: { received: number }) => received === 100 && stop.abort(new Error('stopped'));
    expect(await failure(get(setOf(body), { signal: stop.signal, onProgress }))).toMatchObject({ message: 'stopped' });
    expect(existsSync(join(cache(), 'cifar10'))).toBe(false);
    answer = serve(body);
    await get(setOf(body));
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100-']);
  });

  it('is refused with one line when the server has another file or none, or does not answer', async () => {
    const body = await cifar();
    const other = Buffer.from(body);
    other[50]! ^= 1;
    answer = serve(other);
    const wrong = await failure(get(setOf(body)));
    expect(wrong).toMatchObject({ code: 'VGG_IO' });
    expect(wrong.message).toMatch(/cannot download http.*cifar-10-binary\.tar\.gz: .*(sha256|SHA-256)/);
    answer = serve(Buffer.concat([body, body]));
    expect((await failure(get(setOf(body)))).message).toMatch(/expected \d+ bytes, the server has \d+/);
    answer = (_, response) => response.writeHead(404).end();
    expect((await failure(get(setOf(body)))).message).toMatch(/it has no such file \(404\)/);
    await new Promise((resolve) => server.close(resolve));
    expect((await failure(get(setOf(body)))).message).toMatch(/it refuses connections/);
    const nowhere = get(setOf(body, { url: 'http://nowhere.invalid/x.tgz' }));
    expect((await failure(nowhere)).message).toMatch(/is this machine online\?/);
    expect(readdirSync(cache())).toEqual([]);
  });

  it('is refused when the unpacked data set is not complete, and leaves nothing', async () => {
    const body = await cifar();
    answer = serve(body);
    const less = await failure(get(setOf(body, { train: 50_000 })));
    expect(less).toMatchObject({ code: 'VGG_DATASET' });
    expect(less.message).toMatch(/expected 10 classes, 50000 images for training.* has 10 classes, 10 images/);
    expect((await failure(get(setOf(body, { unpacked: { bytes: 5000, files: 99 } })))).message).toMatch(
      /more than 5000/,
    );
    expect((await failure(get(setOf(body, { unpacked: { bytes: 1e6, files: 3 } })))).message).toMatch(/than 3 files/);
    expect(readdirSync(cache())).toEqual(['cifar-10-binary.tar.gz']);
    mkdirSync(join(cache(), 'cifar10', 'mine'), { recursive: true });
    expect((await failure(get(setOf(body)))).message).toMatch(/cifar10: another file or folder is there: move it away/);
  });

  it('may be a compressed tar archive in a zip archive, like Caltech-101', async () => {
    const top = join(folder, '101_ObjectCategories');
    for (const name of ['BACKGROUND_Google', 'ant']) {
      mkdirSync(join(top, name), { recursive: true });
      await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
        .jpeg()
        .toFile(join(top, name, 'image_0001.jpg'));
    }
    writeFileSync(join(top, 'BACKGROUND_Google', 'tmp'), 'no image');
    const inner = join(folder, 'inner.tar.gz');
    await create({ file: inner, cwd: folder, gzip: true }, ['101_ObjectCategories']);
    const zip = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false });
    await zip.add('caltech-101/Annotations.tar', new Uint8ArrayReader(new Uint8Array(10)));
    await zip.add('caltech-101/101_ObjectCategories.tar.gz', new Uint8ArrayReader(readFileSync(inner)));
    const body = Buffer.from(await zip.close());
    answer = serve(body);
    const { member, unpacked } = PUBLIC_DATA_SETS.caltech101;
    const set = { ...setOf(body), name: 'caltech101', member, unpacked, classes: 2, train: 2, validation: 0 };
    const { classes } = await openSource(await get(set));
    expect(classes).toEqual(['BACKGROUND_Google', 'ant']);
  });
});

describe('unpacking', () => {
  const limits = { bytes: 1e6, files: 10 };
  const block = (bytes: string) =>
    Buffer.concat([Buffer.from(bytes), Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  const entry = (path: string, options: { type?: 'File' | 'SymbolicLink' | 'Link'; linkpath?: string } = {}) => {
    const header = new Header({ path, type: 'File', mode: 0o644, size: options.type ? 0 : 4, ...options });
    const bytes = Buffer.alloc(512);
    header.encode(bytes);
    return options.type ? bytes : Buffer.concat([bytes, block('text')]);
  };
  const archive = (...entries: Buffer[]) => {
    const path = join(folder, 'hostile.tar.gz');
    writeFileSync(path, gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)])));
    return path;
  };
  const inside = () => {
    const target = join(folder, 'target');
    mkdirSync(target, { recursive: true });
    return target;
  };

  it.each([
    ['a name with ..', entry('top/../../escaped'), /leads out of the folder/],
    ['an absolute name', entry('/tmp/vgg-escaped'), /leads out of the folder/],
    ['a Windows name', entry('top\\..\\..\\escaped'), /leads out of the folder/],
    ['a symbolic link', entry('top/link', { type: 'SymbolicLink', linkpath: '/etc' }), /is a SymbolicLink/],
    ['a hard link', entry('top/link', { type: 'Link', linkpath: '/etc/passwd' }), /is a Link/],
  ])('refuses %s', async (_, hostile, expected) => {
    const path = archive(entry('top/good'), hostile);
    const refusal = await failure(unpackTar(path, inside(), limits));
    expect(refusal).toMatchObject({ code: 'VGG_DATASET' });
    expect(refusal.message).toMatch(expected);
    expect(readdirSync(folder).sort()).toEqual(['hostile.tar.gz', 'target']);
    expect(existsSync('/tmp/vgg-escaped')).toBe(false);
  });

  it('does not follow links in the folder', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(inside(), 'sub'));
    await unpackTar(archive(entry('top/sub/file')), inside(), limits).catch(() => {});
    expect(readdirSync(join(folder, 'elsewhere'))).toEqual([]);
  });

  it.each([
    ['text', () => writeFileSync(join(folder, 'hostile.tar.gz'), 'hello')],
    ['an empty file', () => writeFileSync(join(folder, 'hostile.tar.gz'), '')],
    [
      'half an archive',
      () => writeFileSync(archive(entry('top/a')), readFileSync(archive(entry('top/a'))).subarray(0, 40)),
    ],
    ['an archive without files', () => archive()],
  ])('refuses %s', async (_, make) => {
    make();
    const path = join(folder, 'hostile.tar.gz');
    expect((await failure(unpackTar(path, inside(), limits))).message).toMatch(/hostile\.tar\.gz cannot be unpacked: /);
  });

  it('refuses a file that is not a zip archive, has no such member or one that is too large', async () => {
    const path = join(folder, 'x.zip');
    const to = join(folder, 'member');
    writeFileSync(path, 'hello');
    expect((await failure(unpackMember(path, '/a', to, 100))).message).toMatch(/it is not a readable zip archive/);
    const zip = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false });
    await zip.add('top/a', new Uint8ArrayReader(new Uint8Array(1000)));
    writeFileSync(path, await zip.close());
    expect((await failure(unpackMember(path, '/b', to, 100))).message).toMatch(/it has no member \*\/b/);
    expect((await failure(unpackMember(path, '/a', to, 100))).message).toMatch(/1000 bytes, more than 100/);
  });
});
