/** `report.html`: one file with its data, its style and its script, which asks nothing of any network. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ReportData, StudyData } from './data';

/** The page's script and style, as the build bundles them from `page/`. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** @param folder where the build put them: beside the program. */
export async function pageAssets(folder: URL = new URL('./page/', import.meta.url)): Promise<PageAssets> {
  const [script, style] = await Promise.all(
    ['main.js', 'main.css'].map((name) => readFile(new URL(name, folder), 'utf8')),
  );
  return { script: script!, style: style! };
}

/** JSON that may stand in a script element, whatever strings are in it. */
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

/** What a page may do: run its own script and style, show pictures that are in it and, when live, ask its own server. */
function policy({ script, style }: PageAssets, live: boolean): string {
  return [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    `img-src data:`,
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** @param json the page's data as {@link embeddedJson} gives it. */
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
<main id="report"><noscript><p>This report draws itself with a script that is in this file: allow scripts to see it.</p></noscript></main>
<script type="application/json" id="data">${json}</script>
<script>${assets.script}</script>
</body>
</html>
`;
}

export function reportHtml(data: ReportData | StudyData, assets: PageAssets): string {
  return reportPage(data.name, embeddedJson(data), assets);
}
