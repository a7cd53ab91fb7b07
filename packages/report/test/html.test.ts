/** The HTML file of a report. */
import { describe, expect, it } from 'vitest';
import { embeddedJson, reportPage } from '../src/html';

describe('the document', () => {
  const assets = { script: 'draw()', style: 'p{}' };

  it('holds hostile names as data that no parser reads as markup', () => {
    const hostile = { name: '</script><script>alert(1)</script><!--', more: '\u2028&amp;' };
    const json = embeddedJson(hostile);
    expect(json).not.toMatch(/[<>&\u2028]/);
    expect(JSON.parse(json)).toEqual(hostile);
    const page = reportPage(hostile.name, json, assets);
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).not.toContain('alert(1)</script>');
  });

  it('allows only its own script and style, and a server only when live', () => {
    const policy = (live: boolean) => /Policy" content="([^"]+)"/.exec(reportPage('run', '{}', assets, { live }))![1]!;
    expect(policy(false)).toMatch(/^default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'/);
    expect(policy(false)).not.toMatch(/connect-src|unsafe|http/);
    expect(policy(true)).toContain("connect-src 'self'");
  });
});
