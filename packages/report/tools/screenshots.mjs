/**
 * Takes screenshots of a report or a live page in headless Chromium: wide and narrow, light and dark, and as printed.
 * Prints console messages and network requests. There should be none.
 *
 *   node packages/report/tools/screenshots.mjs RUN/report.html OUT-FOLDER
 *   node packages/report/tools/screenshots.mjs http://127.0.0.1:1409/ OUT-FOLDER
 *
 * CHROMIUM is the path of the browser. Default `/usr/bin/chromium`.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [report, folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('expected a report (file or address) and a folder for the screenshots');
mkdirSync(folder, { recursive: true });
const url = report.startsWith('http') ? report : pathToFileURL(resolve(report)).href;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  for (const [size, width] of Object.entries({ wide: 1280, narrow: 390 })) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme, deviceScaleFactor: 1 });
      page.on('console', (message) => console.log(size, colorScheme, message.type(), message.text()));
      page.on('pageerror', (error) => console.log(size, colorScheme, 'error', error.message));
      page.on('request', (request) => {
        if (request.url() !== url && !request.url().startsWith('data:')) console.log('request', request.url());
      });
      await page.goto(url, { waitUntil: 'load' });
      await page.waitForTimeout(500);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) console.log(size, colorScheme, `is ${overflow} pixels wider than the window`);
      await page.screenshot({ path: join(folder, `${size}-${colorScheme}.png`), fullPage: true });
      if (size === 'wide' && colorScheme === 'dark') {
        await page.pdf({
          path: join(folder, 'print.pdf'),
          format: 'A4',
          margin: { top: '1cm', bottom: '1cm', left: '1cm', right: '1cm' },
        });
      }
      await page.close();
    }
  }
} finally {
  await browser.close();
}
