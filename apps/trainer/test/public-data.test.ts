/** `--data NAME` against a server on this machine: what a person sees. That whole archives arrive is tested in `@vgg/data`. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trainer } from './command-line';

let server: Server;

beforeEach(async () => {
  server = createServer((_, response) => {
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  delete process.env.VGG_DATA_MIRROR;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const mirror = (path: string) => {
  process.env.VGG_DATA_MIRROR = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
};

describe('a public data set that cannot be had is one line', () => {
  it('not found, and refused', async () => {
    mirror('/none');
    const missing = await trainer(['train', '--recipe', 'cifar10', '--quiet']);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toMatch(/^error: cannot download http.*\/none\/cifar-10-binary\.tar\.gz: .*\(404\)\n$/);
    await new Promise((resolve) => server.close(resolve));
    const refused = await trainer(['paper', '--data', 'caltech101', '--quiet']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^error: cannot download http.*caltech-101\.zip: it refuses connections.*\n$/);
  });
});
