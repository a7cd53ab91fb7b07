/** The built root entries bundle for browsers. Code that needs Node is behind `/node` (docs/architecture.md). */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Bundles an import of `specifier` with all its dependencies, TF.js included. Throws at a module of Node. */
async function bundle(specifier: string) {
  const { warnings, metafile } = await build({
    stdin: { contents: `export * from '${specifier}';`, resolveDir: HERE },
    platform: 'browser',
    format: 'esm',
    bundle: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return { warnings, inputs: Object.keys(metafile.inputs) };
}

describe('in a browser bundle', () => {
  it.each([
    'core',
    'models',
    'optim',
    'data',
    'weights',
    'train',
    'eval',
    'transfer',
    'perceptual',
    'backend-wasm',
    'vgg',
  ])('@vgg/%s needs no Node', async (name) => {
    const { warnings, inputs } = await bundle(`@vgg/${name}`);
    expect(warnings).toEqual([]);
    expect(inputs.some((file) => file.endsWith(`${name}/dist/index.js`))).toBe(true);
    expect(inputs.filter((file) => file.endsWith('/dist/node.js'))).toEqual([]);
  });

  it.each(['core', 'data', 'weights', 'train', 'vgg'])('@vgg/%s/node is refused', async (name) => {
    await expect(bundle(`@vgg/${name}/node`)).rejects.toThrow(/Could not resolve "(node:)?\w+"/);
  });
});
