/** A check of a folder of HTML pages: every link within it leads to a file, and to an element of that file. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

function idsOf(html) {
  return new Set(Array.from(html.matchAll(/\s(?:id|name)="([^"]*)"/g), ([, id]) => id));
}

function decoded(text) {
  return decodeURIComponent(text.replaceAll('&amp;', '&').replaceAll('&quot;', '"'));
}

/** Returns one line for each link of the pages in `folder` that leads nowhere: the page, the link, what is missing. */
export function deadLinks(folder) {
  const pages = readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.html'))
    .sort();
  const ids = new Map(pages.map((page) => [join(folder, page), idsOf(readFileSync(join(folder, page), 'utf8'))]));
  return pages.flatMap((page) => {
    const html = readFileSync(join(folder, page), 'utf8').replace(/<script\b[\s\S]*?<\/script>/g, '');
    const links = new Set(Array.from(html.matchAll(/\s(?:href|src)="([^"]*)"/g), ([, link]) => link));
    return [...links]
      .filter((link) => !/^(?:[a-z]+:|\/\/)/.test(link))
      .flatMap((link) => {
        const [path, anchor] = decoded(link).split('#');
        const target = path === '' ? join(folder, page) : join(folder, dirname(page), path.replace(/\?.*$/, ''));
        const where = `${page}: ${link}`;
        if (relative(folder, target).startsWith('..')) return [`${where} leaves the site`];
        if (!existsSync(target)) return [`${where} leads to no file`];
        if (statSync(target).isDirectory()) return [`${where} leads to a folder`];
        const known = ids.get(target);
        return anchor && known !== undefined && !known.has(anchor) ? [`${where} leads to no element`] : [];
      });
  });
}
