/** The published package: Node loads it in both module systems, and gradients work with it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, type Options } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import config from '../tsup.config';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(PACKAGE, 'node_modules', '.package-test-'));
  const options = config as Options;
  await build({
    ...options,
    config: false,
    silent: true,
    outDir: folder,
    dts: false,
    sourcemap: false,
    entry: { index: join(PACKAGE, 'src/index.ts') },
    noExternal: [...options.noExternal!, '@vgg/core'],
    esbuildOptions(esbuild) {
      esbuild.conditions = ['@vgg/source'];
    },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Imports of one module system, then the gradient of a convolution: y = 3·w, so dy/dw = 3. */
const program = (imports: string) => `${imports}
  const before = tf.getGradient('Conv2D');
  tf.env().set('IS_TEST', true);
  tf.ready().then(() => {
    optim.ensureGradients();
    const x = tf.tensor4d([3], [1, 1, 1, 1]);
    const w = tf.tensor4d([2], [1, 1, 1, 1]);
    const [gradient] = tf.grad((w) => tf.sum(tf.relu(tf.conv2d(x, w, 1, 'same'))))(w).dataSync();
    console.log(JSON.stringify({ before: before === undefined, gradient }));
  });`;

describe('the package in plain Node', () => {
  it.each([
    [
      'ESM',
      'program.mjs',
      "import * as tf from '@tensorflow/tfjs-core'; import '@tensorflow/tfjs-backend-cpu'; import * as optim from './index.js';",
    ],
    [
      'ESM loaded before tfjs-core',
      'early.mjs',
      "import * as optim from './index.js'; import * as tf from '@tensorflow/tfjs-core'; import '@tensorflow/tfjs-backend-cpu';",
    ],
    [
      'CommonJS',
      'program.cjs',
      "const tf = require('@tensorflow/tfjs-core'); require('@tensorflow/tfjs-backend-cpu'); const optim = require('./index.cjs');",
    ],
  ])('registers the missing gradients and prints nothing: %s', async (_, name, imports) => {
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, name), program(imports));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, name)]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ before: true, gradient: 3 });
  });

  it('copies from tfjs-core only the gradients and its private code', async () => {
    const bundle = await readFile(join(folder, 'index.js'), 'utf8');
    expect(bundle.length).toBeLessThan(120_000);
    expect(bundle).not.toMatch(
      /class _?(Engine|Environment|Tensor|Variable)\b|\b(Engine|Environment|Tensor|Variable) = class\b/,
    );
  });
});
