/** Lists of the README that the code has too. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { IMAGE_EXTENSIONS } from '../src/node/sources/files';

it('the README lists the extensions of images in the order in which a sample of a shard prefers them', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const list = /recognised by their extension: ([\s\S]*?) if the build of libvips decodes them/.exec(readme)![1]!;
  const documented = list.match(/\.\w+/g)!;
  const heic = ['.heic', '.heif'];
  expect(documented.slice(-2)).toEqual(heic);
  expect(documented.filter((name) => IMAGE_EXTENSIONS.includes(name) || !heic.includes(name))).toEqual(
    IMAGE_EXTENSIONS,
  );
});
