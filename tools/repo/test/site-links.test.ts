/** The check of the API site's links (`scripts/site-links.mjs`), on a small site with planted faults. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { deadLinks } from '../../../scripts/site-links.mjs';

const site = mkdtempSync(join(tmpdir(), 'site-'));
afterAll(() => rmSync(site, { recursive: true, force: true }));

it('finds links to missing files, folders and elements, and no others', () => {
  mkdirSync(join(site, 'sub'));
  writeFileSync(join(site, 'sub/b.html'), '<h1 id="top">B</h1><a href="../a.html?x=1#here">A</a>');
  writeFileSync(
    join(site, 'a.html'),
    `<h1 id="here">A</h1> <a href="#here"></a> <a href="sub/b.html#top"></a> <a href="https://example.org/x"></a>
     <a href="#gone"></a> <a href="sub/b.html#gone"></a> <img src="none.png"> <a href="sub"></a> <a href="../up.html"></a>`,
  );
  expect(deadLinks(site)).toEqual([
    'a.html: #gone leads to no element',
    'a.html: sub/b.html#gone leads to no element',
    'a.html: none.png leads to no file',
    'a.html: sub leads to a folder',
    'a.html: ../up.html leaves the site',
  ]);
});
