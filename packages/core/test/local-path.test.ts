/** Paths and file URLs of files. */
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { localPath } from '../src/node';

it('returns the path of a file URL, and any other text as it is', () => {
  expect(localPath(pathToFileURL('/a b/ü.jpg').href, 'x.jpg')).toBe('/a b/ü.jpg');
  expect(localPath('FILE:///a', 'x.jpg')).toBe('/a');
  for (const path of ['/a%20b', 'a/file:///b', 'http://host/file:', '']) expect(localPath(path, 'x.jpg')).toBe(path);
});

it.each(['file:///no%ZZ', 'file://host/x', 'file:///a%2Fb', 'file:///a%00b'])('refuses %s in one line', (url) => {
  expect(() => localPath(url, 'x.jpg')).toThrow(
    expect.objectContaining({
      code: 'VGG_ARGUMENT',
      message: `expected a file URL such as file:///folder/x.jpg, got "${url}": pass the path itself`,
    }),
  );
});
