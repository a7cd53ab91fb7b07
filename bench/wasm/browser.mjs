/**
 * Checks that the backend trains in a browser: bundles `page.mjs`, serves it and opens it in headless Chromium, with
 * and without cross-origin isolation (with it, on several threads).
 *
 *   pnpm --filter @vgg/backend-wasm... build && node bench/wasm/browser.mjs [path of Chromium]
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundle, STOCK_FILES } from './bundle.mjs';

const folder = mkdtempSync(join(tmpdir(), 'browser-wasm-'));
await bundle('page.mjs', join(folder, 'page.mjs'), 'browser', '');

for (const isolated of [false, true]) {
  const requested = [];
  const server = createServer(({ url }, response) => {
    requested.push(url);
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    if (url.endsWith('.wasm')) {
      response.setHeader('Content-Type', 'application/wasm').end(readFileSync(join(STOCK_FILES, url)));
    } else if (url === '/page.mjs') {
      response.setHeader('Content-Type', 'text/javascript').end(readFileSync(join(folder, 'page.mjs')));
    } else {
      response
        .setHeader('Content-Type', 'text/html')
        .end('<body><script type="module" src="/page.mjs"></script></body>');
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { stdout } = await promisify(execFile)(
    process.argv[2] ?? 'chromium',
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--virtual-time-budget=60000',
      '--timeout=60000',
      `--user-data-dir=${join(folder, String(isolated))}`,
      '--dump-dom',
      `http://127.0.0.1:${server.address().port}/`,
    ],
    { timeout: 120_000 },
  );
  server.close();
  console.log(
    isolated ? 'isolated page:' : 'plain page:',
    /<body>(.*?)(<script|<\/body>)/s.exec(stdout)?.[1] ?? stdout,
  );
  console.log('fetched:', requested.filter((url) => url.endsWith('.wasm')).join(', '));
}
rmSync(folder, { recursive: true, force: true });
