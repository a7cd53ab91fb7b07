import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cacheFolder, type DownloadOptions, download } from '../src/node';

vi.mock('../src/node/patience', () => ({ ATTEMPTS: 6, FIRST_WAIT_MS: 1, STALL_MS: 400 }));

const BODY = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
const SHA256 = createHash('sha256').update(BODY).digest('hex');
const MD5 = createHash('md5').update(BODY).digest('hex');

let folder: string;
let to: string;
let server: Server;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let url: string;

/** A server of one file that honours Range and If-Range, as static servers do. */
function serve(body: Buffer, tag: string | null = '"v1"') {
  return (request: IncomingMessage, response: ServerResponse) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (tag !== null) response.setHeader('etag', tag);
    if (start > 0 && request.headers['if-range'] === tag) {
      if (start >= body.length) return response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      response.writeHead(206, {
        'content-range': `bytes ${start}-${body.length - 1}/${body.length}`,
        'content-length': body.length - start,
      });
      return response.end(body.subarray(start));
    }
    response.writeHead(200, { 'content-length': body.length });
    return response.end(body);
  };
}

/** The first `times` requests get half of the bytes and a broken connection, later ones get all. */
function breakHalfway(times: number, body = BODY, tag: string | null = '"v1"') {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (requests.length > times) return serve(body, tag)(request, response);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = body.subarray(start);
    if (tag !== null) response.setHeader('etag', tag);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(start > 0 && { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }),
    });
    response.write(rest.subarray(0, rest.length / 2), () => setTimeout(() => response.destroy(), 20));
  };
}

async function failure(options: Partial<DownloadOptions> = {}, address: string | URL = url): Promise<Error> {
  const error = await download(address, { to, ...options }).then(
    () => new Error('it succeeded'),
    (reason: Error) => reason,
  );
  expect(error.message).not.toMatch(/\n/);
  return error;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-download-'));
  to = join(folder, 'deep', 'file.bin');
  requests = [];
  answer = serve(BODY);
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

describe('a download', () => {
  it('writes the file, checks it, reports progress and leaves no other file', async () => {
    const seen: [number, number | undefined][] = [];
    const hash = `sha256:${SHA256}` as const;
    const options = {
      size: BODY.length,
      hash,
      onProgress: (p: { received: number; total: number | undefined }) => seen.push([p.received, p.total]),
    };
    expect(await download(url, { to, ...options })).toBe(to);
    expect(readFileSync(to).equals(BODY)).toBe(true);
    expect(readdirSync(join(folder, 'deep'))).toEqual(['file.bin']);
    expect(seen[0]).toEqual([0, BODY.length]);
    expect(seen.at(-1)).toEqual([BODY.length, BODY.length]);
    expect(seen.every(([received], i) => i === 0 || received > seen[i - 1]![0])).toBe(true);
  });

  it('accepts the first digits of a hash, and other algorithms', async () => {
    await download(url, { to, hash: `sha256:${SHA256.slice(0, 8)}` });
    await download(url, { to: `${to}3`, hash: `sha384:${createHash('sha384').update(BODY).digest('hex')}` });
    await download(url, { to: `${to}2`, hash: `md5:${MD5}` });
    expect(readFileSync(`${to}2`).equals(BODY)).toBe(true);
  });

  it('makes no request for a file that is already correct', async () => {
    await download(url, { to });
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
    expect(await download(url, { to, size: BODY.length, hash: `md5:${MD5}` })).toBe(to);
    expect(await download(url, { to })).toBe(to);
    expect(requests).toHaveLength(1);
  });

  it('replaces a file that is not the expected one', async () => {
    await download(url, { to });
    writeFileSync(to, 'damaged');
    await download(url, { to, hash: `md5:${MD5}` });
    expect(readFileSync(to).equals(BODY)).toBe(true);
  });

  it('follows a redirect', async () => {
    answer = (request, response) =>
      request.url === '/file.bin'
        ? response.writeHead(302, { location: '/other' }).end()
        : serve(BODY)(request, response);
    await download(url, { to, hash: `md5:${MD5}` });
    expect(requests.map((request) => request.url)).toEqual(['/file.bin', '/other']);
  });
});

describe('a broken connection', () => {
  it('continues at the byte where it broke', async () => {
    answer = breakHalfway(2);
    await download(url, { to, hash: `sha256:${SHA256}` });
    expect(requests.map(({ headers }) => [headers.range, headers['if-range']])).toEqual([
      [undefined, undefined],
      ['bytes=150000-', '"v1"'],
      ['bytes=225000-', '"v1"'],
    ]);
    expect(readFileSync(to).equals(BODY)).toBe(true);
  });

  it('starts again if the server has another version', async () => {
    const other = Buffer.from(BODY).reverse();
    answer = (request, response) =>
      requests.length === 1 ? breakHalfway(1)(request, response) : serve(other, '"v2"')(request, response);
    await download(url, { to });
    expect(readFileSync(to).equals(other)).toBe(true);
  });

  it('starts again if the server names no version', async () => {
    answer = breakHalfway(1, BODY, null);
    await download(url, { to, hash: `md5:${MD5}` });
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  });

  it('starts again if the kept part is wrong', async () => {
    answer = breakHalfway(1);
    const progress = vi.fn(({ received }: { received: number }) => {
      if (requests.length === 1 && received > 0) stop.abort();
    });
    const stop = new AbortController();
    await failure({ signal: stop.signal, onProgress: progress });
    const part = readFileSync(`${to}.part`);
    writeFileSync(`${to}.part`, part.fill(7));
    await download(url, { to, hash: `md5:${MD5}` });
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${part.length}-`, undefined]);
    expect(readFileSync(to).equals(BODY)).toBe(true);
  });

  it('is an error after six attempts; the received part is kept', async () => {
    answer = breakHalfway(99);
    const { message } = await failure();
    expect(message).toMatch(/^cannot download http:.*file\.bin: .* 6 attempts; try again later/);
    expect(requests).toHaveLength(6);
    expect(existsSync(to)).toBe(false);
    answer = serve(BODY);
    await download(url, { to, hash: `md5:${MD5}` });
    expect(Number(/\d+/.exec(requests.at(-1)!.headers.range!)![0])).toBeGreaterThan(150_000);
  });

  it('is tried again after the wait that an overloaded server asks for', async () => {
    answer = (request, response) =>
      requests.length === 1 ? response.writeHead(503, { 'retry-after': '0' }).end() : serve(BODY)(request, response);
    await download(url, { to, hash: `md5:${MD5}` });
    expect(requests).toHaveLength(2);
  });

  it('without data is closed after the time limit', async () => {
    answer = (request, response) => {
      if (requests.length > 1) return serve(BODY)(request, response);
      response.writeHead(200, { 'content-length': BODY.length, etag: '"v1"' });
      response.write(BODY.subarray(0, 1000));
    };
    await download(url, { to, hash: `md5:${MD5}` });
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=1000-']);
  });

  it('needs no more bytes after a kill just before the rename', async () => {
    await download(url, { to });
    writeFileSync(`${to}.part`, BODY);
    writeFileSync(`${to}.part.json`, JSON.stringify({ url, validator: '"v1"' }));
    rmSync(to);
    await download(url, { to, hash: `md5:${MD5}` });
    expect(requests.at(-1)!.headers.range).toBe('bytes=300000-');
    expect(readFileSync(to).equals(BODY)).toBe(true);
  });
});

describe('a failure is one line', () => {
  it.each([
    [404, /it has no such file \(404\)$/],
    [403, /it forbids it \(403\)$/],
    [418, /it answers with status 418$/],
  ])('status %i, at once', async (status, line) => {
    answer = (_request, response) => response.writeHead(status).end();
    const error = await failure();
    expect(error).toMatchObject({ code: 'VGG_IO', message: expect.stringMatching(line) });
    expect(requests).toHaveLength(1);
  });

  it('a server that refuses connections', async () => {
    await new Promise((resolve) => server.close(resolve));
    const error = await failure();
    expect(error).toMatchObject({ code: 'VGG_IO' });
    expect(error.message).toBe(`cannot download ${url}: it refuses connections (the file goes to ${to})`);
    server.listen();
  });

  it('no network', async () => {
    const { message } = await failure({}, 'http://no-such-host.invalid/file.bin?key=secret');
    expect(message).toMatch(
      /^cannot download http:\/\/no-such-host.invalid\/file.bin: .*is this machine online\? \(the/,
    );
    expect(message).not.toContain('secret');
  });

  it('a wrong hash; nothing is kept', async () => {
    const { message } = await failure({ hash: 'sha256:00000000' });
    expect(message).toContain(`expected sha256 00000000, got ${SHA256.slice(0, 8)}`);
    expect(readdirSync(join(folder, 'deep'))).toEqual([]);
    expect(requests).toHaveLength(1);
  });

  it('a wrong size, before any byte is read', async () => {
    expect((await failure({ size: 7 })).message).toContain('expected 7 bytes, the server has 300000');
  });

  it('more bytes than expected from a server that does not say how many', async () => {
    answer = (_request, response) => {
      response.write(BODY);
      response.end(BODY);
    };
    expect((await failure({ size: 300_001 })).message).toContain('expected 300001 bytes, the server sends more');
  });

  it('fewer bytes than expected from a server that does not say how many', async () => {
    answer = (_request, response) => {
      response.write(BODY);
      response.end();
    };
    expect((await failure({ size: 300_001 })).message).toContain('expected 300001 bytes, got 300000');
  });

  it('a folder where the file should be, or a file where its folder should be', async () => {
    expect((await failure({ to: folder })).message).toMatch(/is not a file/);
    writeFileSync(join(folder, 'deep'), '');
    expect(await failure()).toMatchObject({ code: 'VGG_IO' });
  });

  it('a disk without enough space', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 2 ** 52 });
      response.write('x');
    };
    expect((await failure()).message).toMatch(
      /^cannot write .*: the disk is full: [\d.,]+ GiB more needed, [\d.,]+ \w+ free$/,
    );
  });

  it.each([
    ['no address', 'file.bin', {}, /expected an address like/],
    ['another protocol', 'file:///etc/hosts', {}, /of http or https/],
    ['a short hash', 'http://127.0.0.1/', { hash: 'sha256:12' as const }, /expected a hash like sha256:397923af/],
    ['too long a hash', 'http://127.0.0.1/', { hash: `md5:${'0'.repeat(33)}` as const }, /expected a hash/],
    ['an odd size', 'http://127.0.0.1/', { size: 1.5 }, /expected a size in bytes, got 1.5/],
  ])('%s', async (_what, address, options, line) => {
    expect(await failure(options, address)).toMatchObject({
      code: 'VGG_ARGUMENT',
      message: expect.stringMatching(line),
    });
  });
});

describe('stopping', () => {
  it('rejects with the reason of the signal, and the next call continues', async () => {
    answer = breakHalfway(1);
    const stop = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ received }: { received: number }) => received > 0 && stop.abort(reason);
    expect(await failure({ signal: stop.signal, onProgress })).toBe(reason);
    expect(existsSync(`${to}.lock`)).toBe(false);
    await download(url, { to, hash: `md5:${MD5}` });
    expect(requests.at(-1)!.headers.range).toMatch(/^bytes=[1-9]/);
  });

  it('works before the first request', async () => {
    expect(await failure({ signal: AbortSignal.abort(new Error('never')) })).toMatchObject({ message: 'never' });
    expect(requests).toHaveLength(0);
  });
});

describe('several downloads at once', () => {
  it('request the file once', async () => {
    const all = await Promise.all([1, 2, 3].map(() => download(url, { to, hash: `md5:${MD5}` })));
    expect(all).toEqual([to, to, to]);
    expect(requests).toHaveLength(1);
  });

  /** Text of a lock file that names a process of this machine. */
  const lockOf = (pid: number) => JSON.stringify({ pid, host: hostname(), began: null, since: '' });

  it('do not wait for a dead process or for a lock that is not refreshed', async () => {
    await download(url, { to: join(folder, 'deep', 'other') });
    writeFileSync(`${to}.lock`, lockOf(2 ** 22 + 1));
    await download(url, { to });
    writeFileSync(`${to}2.lock`, lockOf(process.pid));
    utimesSync(`${to}2.lock`, 0, 0);
    await download(url, { to: `${to}2` });
    expect(readdirSync(join(folder, 'deep')).sort()).toEqual(['file.bin', 'file.bin2', 'other']);
  });

  it('stop waiting when aborted', async () => {
    await download(url, { to: join(folder, 'deep', 'other') });
    writeFileSync(`${to}.lock`, lockOf(process.pid));
    expect(await failure({ signal: AbortSignal.timeout(50) })).toMatchObject({ name: 'TimeoutError' });
  });

  it('in two processes, one of which is killed: the other completes the partial file', async () => {
    answer = (request, response) => {
      if (requests.length > 1) return serve(BODY)(request, response);
      response.writeHead(200, { 'content-length': BODY.length, etag: '"v1"' });
      response.write(BODY.subarray(0, 100_000));
    };
    const built = join(folder, 'download.mjs');
    const source = fileURLToPath(new URL('../src/node.ts', import.meta.url));
    buildSync({ entryPoints: [source], outfile: built, bundle: true, platform: 'node', format: 'esm' });
    const script = `import { download } from ${JSON.stringify(built)}; await download(${JSON.stringify(url)}, { to: ${JSON.stringify(to)} });`;
    const children: ChildProcess[] = [];
    const start = () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
      children.push(child);
      return new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
    };
    const first = start();
    await vi.waitUntil(() => existsSync(`${to}.part`) && readFileSync(`${to}.part`).length === 100_000, 600_000);
    const second = start();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(requests).toHaveLength(1);
    children[0]!.kill('SIGKILL');
    expect(await first).toBe('SIGKILL');
    expect(await second).toBe(0);
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-']);
    expect(readFileSync(to).equals(BODY)).toBe(true);
  });
});

describe('the cache', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('is in XDG_CACHE_HOME if that is an absolute path', () => {
    vi.stubEnv('XDG_CACHE_HOME', '/somewhere');
    expect(cacheFolder('weights', 'a.pth')).toBe(join('/somewhere', 'vgg', 'weights', 'a.pth'));
    vi.stubEnv('XDG_CACHE_HOME', 'relative');
    vi.stubEnv('HOME', '/people/someone');
    expect(cacheFolder()).toBe(join('/people/someone', '.cache', 'vgg'));
  });
});
