/** The built pages, served, in headless Chromium. */
import { execFileSync, spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Page } from 'puppeteer-core';
import { expect } from 'vitest';
import { ISOLATION } from '../scripts/isolation.mjs';

export const BUILD = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome']
  .map((name) => spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim())
  .find((path) => path !== '');
/** Reason why the tests are skipped, after their name. */
export const WITHOUT = CHROMIUM === undefined ? ' (skipped: no Chromium here)' : '';
/** WebGL and WebGPU on the CPU. */
const FLAGS = [
  '--no-sandbox',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** Longest wait for the browser in milliseconds, on a machine that does other work too. */
const PATIENCE = 600_000;

export interface Site {
  /** Lines of the console of the browser, and its failed requests. */
  readonly logged: string[];
  /** Opens a page in a new tab, cross-origin isolated as `scripts/start.mjs` serves it. */
  open(path: string): Promise<Page>;
  /** Opens a page as servers serve it that send no headers for isolation. */
  openPlain(path: string): Promise<Page>;
  close(): Promise<void>;
}

/** Builds the pages with a net into the folder `out`, and serves them. */
export async function openSite(model: string, out: string): Promise<Site> {
  execFileSync(process.execPath, [BUILD, '--model', model, '--out', out], { stdio: 'pipe' });
  const { preview } = await import('vite');
  const serve = (headers: Record<string, string>) =>
    preview({ configFile: false, logLevel: 'error', build: { outDir: out }, preview: { port: 0, headers } });
  const [isolated, plain] = [await serve(ISOLATION), await serve({})];
  const browser = await puppeteer.launch({
    executablePath: CHROMIUM!,
    args: FLAGS,
    timeout: PATIENCE,
    protocolTimeout: PATIENCE,
  });
  const logged: string[] = [];
  // Chromium itself says so where a page asks for WebGPU and there is none.
  const isNoise = (text: string) => text === 'No available adapters.';
  const open = async (server: typeof plain, path: string) => {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on('console', (message) => isNoise(message.text()) || logged.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => logged.push(String(error)));
    page.on('requestfailed', (request) => logged.push(`failed: ${request.url()}`));
    await page.goto(`http://localhost:${(server.httpServer.address() as AddressInfo).port}/${path}`);
    return page;
  };
  return {
    logged,
    open: (path) => open(isolated, path),
    openPlain: (path) => open(plain, path),
    async close() {
      await browser.close();
      await isolated.close();
      await plain.close();
    },
  };
}

/** Waits until the status line matches, or says that something failed. Returns it. */
export async function status(page: Page, pattern: RegExp): Promise<string> {
  const handle = await page.waitForFunction(
    (source: string) => {
      const line = document.getElementById('status')!;
      return new RegExp(source).test(line.textContent!) || line.classList.contains('failed') ? line.textContent : '';
    },
    // By a timer: on a busy machine Chromium may paint no frame for minutes.
    { timeout: PATIENCE, polling: 200 },
    pattern.source,
  );
  const line = String(await handle.jsonValue());
  expect(line).toMatch(pattern);
  return line;
}
