/** The system's Chromium, for tests of pages; where there is none these are skipped. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
];

/** `CHROMIUM`, or where systems have it. */
const executablePath = [process.env.CHROMIUM, ...PLACES].find((path) => path !== undefined && existsSync(path));

/** What a page did beside showing itself. */
export interface Watched {
  page: Page;
  /** Warnings and errors of the console, exceptions and dialogs. */
  complaints: string[];
  /** What it asked of any network, itself left out. */
  requests: string[];
}

export interface WindowOptions {
  width?: number;
  dark?: boolean;
}

/** Tests in a browser: `open` shows an address in a new page. */
export function describeInBrowser(
  title: string,
  tests: (open: (url: string, options?: WindowOptions) => Promise<Watched>) => void,
): void {
  const describeOr = executablePath === undefined ? describe.skip : describe;
  describeOr(executablePath === undefined ? `${title} (no Chromium here)` : title, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox', '--disable-gpu'] });
    });
    afterAll(async () => browser?.close());
    tests(async (url, { width = 1280, dark = false } = {}) => {
      const page = await browser.newPage({
        viewport: { width, height: 900 },
        colorScheme: dark ? 'dark' : 'light',
      });
      const [complaints, requests]: [string[], string[]] = [[], []];
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
