/** Contents that no committed file may have: the address of a package registry, or a path of a person's machine. */
import { describe, expect, it } from 'vitest';
import { textFiles, trackedFiles } from '../src/files';

/** Home or working folder at the root of a file system, not a part of a longer path or of an address. */
const MACHINE_PATH = /(?<![\w.~$})@*-])\/(?:home|root|Users|work|workspace)\/[\w.]|\b[A-Z]:\\+Users\\/;

/** Host of a registry, a setting that names one, or a lock file's link into one. */
const REGISTRY =
  /\bregistry\.[\w-]+\.[a-z]|(?:^\s*(?:@[\w-]+:)?|--)registry\s*=|\b(?:pypi|pythonhosted|npmmirror)\.\w|\bunpkg\.com|artifactory|\btarball: *['"]?http|"resolved": *"http|index-url/i;

/** Returns `file:line` of every match. */
function linesThatMatch(pattern: RegExp, paths: readonly string[]): string[] {
  return textFiles(paths).flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}`] : [])),
  );
}

const files = trackedFiles().filter((file) => file !== 'tools/repo/test/committed.test.ts');

describe.skipIf(files.length === 0)('no committed file', () => {
  it('names a package registry', () => {
    expect(linesThatMatch(REGISTRY, files)).toEqual([]);
  });

  it("names a path of a person's machine", () => {
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
