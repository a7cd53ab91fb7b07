/** Chromium of the system, for tests of pages. They are skipped if there is none. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
];

/** Longest wait for the browser in milliseconds, on a machine that does other work too. */
const PATIENCE = 600_000;

/** Path in `CHROMIUM`, or one of the usual paths. */
const executablePath = [process.env.CHROMIUM, ...PLACES].find((path) => path !== undefined && existsSync(path));

/** Page that was opened, and its side effects. */
export interface Watched {
  page: Page;
  /** Warnings and errors of the console, exceptions and dialogs. */
  complaints: string[];
  /** Network requests, without the one for the page itself. */
  requests: string[];
}

export interface WindowOptions {
  width?: number;
  dark?: boolean;
}

/** Runs tests in a browser: `open` shows an address in a new page. */
export function describeInBrowser(
  title: string,
  tests: (open: (url: string, options?: WindowOptions) => Promise<Watched>) => void,
): void {
  const describeOr = executablePath === undefined ? describe.skip : describe;
  describeOr(executablePath === undefined ? `${title} (no Chromium here)` : title, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: executablePath!,
        args: ['--no-sandbox', '--disable-gpu'],
        timeout: PATIENCE,
      });
    });
    afterAll(async () => browser?.close());
    tests(async (url, { width = 1280, dark = false } = {}) => {
      const page = await browser.newPage({
        viewport: { width, height: 900 },
        colorScheme: dark ? 'dark' : 'light',
      });
      page.setDefaultTimeout(PATIENCE);
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('dialog', (dialog) => {
        complaints.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', (request) => {
        if (request.url() !== url && !request.url().startsWith('data:')) requests.push(request.url());
      });
      await page.goto(url, { waitUntil: 'load' });
      return { page, complaints, requests };
    });
  });
}
