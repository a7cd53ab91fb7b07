import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

it('the root entry can be bundled for browsers: it imports neither Node modules nor sharp', async () => {
  const { metafile, errors } = await build({
    entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
    conditions: ['@vgg/source'],
    platform: 'browser',
    bundle: true,
    write: false,
    metafile: true,
  });
  expect(errors).toEqual([]);
  expect(Object.keys(metafile.inputs).filter((file) => /node_modules|src\/node/.test(file))).toEqual([]);
});
