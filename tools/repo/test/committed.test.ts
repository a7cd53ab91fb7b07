/** What no committed file may hold: the address of a package registry, or a path of somebody's machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A home or working folder at the root of a file system, not a part of a longer path or of an address. */
const MACHINE_PATH = /(?<![\w.~$})@*-])\/(?:home|root|Users|work|workspace)\/[\w.]|\b[A-Z]:\\+Users\\/;

/** A registry's host, a setting that names one, or a lock file's link into one. */
const REGISTRY =
  /\bregistry\.[\w-]+\.[a-z]|(?:^\s*(?:@[\w-]+:)?|--)registry\s*=|\b(?:pypi|pythonhosted|npmmirror)\.\w|\bunpkg\.com|artifactory|\btarball: *['"]?http|"resolved": *"http|index-url/i;

/** Tracked files, or nothing where this is a copy without its history. */
function trackedFiles(): string[] {
  try {
    const list = execFileSync('git', ['ls-files', '-z'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return list.split('\0').filter((file) => file !== '' && existsSync(join(ROOT, file)));
  } catch {
    return [];
  }
}

/** `file:line` of every match, in files that are text. */
function linesThatMatch(pattern: RegExp, files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const bytes = readFileSync(join(ROOT, file));
    if (bytes.includes(0)) return [];
    const lines = bytes.toString('utf8').split('\n');
    return lines.flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}`] : []));
  });
}

const files = trackedFiles().filter((file) => file !== 'tools/repo/test/committed.test.ts');

describe.skipIf(files.length === 0)('no committed file', () => {
  it('names a package registry', () => {
    expect(linesThatMatch(REGISTRY, files)).toEqual([]);
  });

  it("names a path of somebody's machine", () => {
    expect(linesThatMatch(MACHINE_PATH, files)).toEqual([]);
  });
});

describe('the patterns', () => {
  it.each(['cd /home/me/vgg', '"/root/.cache"', 'file:///Users/me/x', '(/work/main)', 'C:\\Users\\me'])(
    'find a path of a machine in %s',
    (line) => expect(line).toMatch(MACHINE_PATH),
  );

  it.each(['https://example.org/home/page', './work/x', 'packages/root/x', '~/work/x', '//#lint:root', '/workers/x'])(
    'find none in %s',
    (line) => expect(line).not.toMatch(MACHINE_PATH),
  );

  it.each(['registry=https://example.org', 'https://registry.npmjs.org/x', 'tarball: https://example.org/x.tgz'])(
    'find a registry in %s',
    (line) => expect(line).toMatch(REGISTRY),
  );

  it.each(["import '@vgg/core';", 'const registry = new Map();', 'package registries', '"registry": {}'])(
    'find no registry in %s',
    (line) => expect(line).not.toMatch(REGISTRY),
  );
});
