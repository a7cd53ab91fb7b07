/** The package in a bundler for browsers and in Node's two module systems. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const DIST = new URL('../dist/', import.meta.url).pathname;

describe('the bundle', () => {
  it('imports only its declared dependencies', () => {
    for (const file of ['index.js', 'index.cjs']) {
      const imported = readFileSync(`${DIST}${file}`, 'utf8').matchAll(/(?:\bfrom |\brequire\()['"]([^'"]+)['"]/g);
      expect(new Set([...imported].map(([, name]) => name))).toEqual(
        new Set(['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm', '@vgg/core']),
      );
    }
  });

  it('fits in a browser: no Node module, no second tfjs-core, a bounded size', async () => {
    const { metafile, outputFiles } = await build({
      entryPoints: [`${DIST}index.js`],
      bundle: true,
      write: false,
      platform: 'browser',
      external: ['@tensorflow/*', '@vgg/core'],
      format: 'esm',
      minify: true,
      metafile: true,
      logLevel: 'error',
    });
    expect(Object.keys(metafile.inputs).filter((file) => !file.endsWith('dist/index.js'))).toEqual([]);
    expect(outputFiles[0]!.contents.length).toBeLessThan(100_000);
    expect(outputFiles[0]!.text).not.toMatch(/_tfengine|node:|require\(/);
  });

  it.each([
    ['ES modules', '--input-type=module', "import * as tf from '@tensorflow/tfjs-core'; import '@vgg/backend-wasm'"],
    ['CommonJS', '--input-type=commonjs', "const tf = require('@tensorflow/tfjs-core'); require('@vgg/backend-wasm')"],
  ])('trains in plain Node by %s', (_, type, imports) => {
    const script = `${imports};
      tf.setBackend('wasm').then(() => {
        const x = tf.ones([1, 4, 4, 1]);
        const gradient = tf.grad((w) => tf.sum(tf.conv2d(x, w, 1, 'valid')))(tf.ones([3, 3, 1, 1]));
        console.log(JSON.stringify([...gradient.dataSync()]));
      });`;
    const output = execFileSync(process.execPath, [type, '-e', script], {
      cwd: new URL('..', import.meta.url).pathname,
      encoding: 'utf8',
    });
    expect(JSON.parse(output)).toEqual(Array(9).fill(4));
  });
});
