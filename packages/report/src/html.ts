/** `report.html`: one file with its data, its style and its script. It makes no network requests. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeFileAtomically } from '@vgg/core/node';
import type { ReportData, StudyData } from './data';
import { DIST_FOLDER } from './dist-folder';

/** Script and style of the page, as the build bundles them from `page/`. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** Reads the script and the style of the page. */
export async function pageAssets(): Promise<PageAssets> {
  const read = (name: string) => readFile(new URL(`page/${name}`, DIST_FOLDER), 'utf8');
  return { script: await read('main.js'), style: await read('main.css') };
}

/** Returns JSON that is safe in a script element, whatever strings it holds. */
export function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/**
 * Returns the content security policy of a page: it may run its own script and style, show the images that it holds and,
 * if it is live, connect to its own server.
 */
function policy({ script, style }: PageAssets, live: boolean): string {
  const rules = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ];
  if (live) rules.push("connect-src 'self'");
  return rules.join('; ');
}

/** @param json data of the page, made by {@link embeddedJson}. */
export function reportPage(name: string, json: string, assets: PageAssets, { live = false } = {}): string {
  return `<!doctype html>
<html lang="en"${live ? ' data-live' : ''}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(assets, live)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escaped(name)}</title>
<link rel="icon" href="data:,">
<style>${assets.style}</style>
</head>
<body>
<main id="report"><noscript><p>A script in this file draws the report. Allow scripts to see it.</p></noscript></main>
<script type="application/json" id="data">${json}</script>
<script>${assets.script}</script>
</body>
</html>
`;
}

/**
 * Returns a report as one HTML file.
 *
 * @param assets script and style of the page. Default: those of this package.
 */
export async function reportHtml(data: ReportData | StudyData, assets?: PageAssets): Promise<string> {
  return reportPage(data.name, embeddedJson(data), assets ?? (await pageAssets()));
}

/**
 * Writes a report as one HTML file. The file holds the whole old or the whole new report at any time.
 *
 * @throws VggError `VGG_IO` if the file cannot be written.
 */
export async function writeReport(path: string, data: ReportData | StudyData): Promise<void> {
  await writeFileAtomically(path, [Buffer.from(await reportHtml(data))]);
}
