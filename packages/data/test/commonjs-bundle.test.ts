/** A CommonJS bundle, as AWS Lambda and Electron take: without a file of its own, the worker cannot be found. */
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, expect, it } from 'vitest';
import { folder, patternImage, png } from './images';

/** Inside the package, so that sharp, which stays outside the bundle, is found. */
const BUNDLE = fileURLToPath(new URL('../node_modules/.commonjs-bundle.cjs', import.meta.url));
afterAll(() => rmSync(BUNDLE, { force: true }));

it('says how to use it without workers, and works without them', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { openSource, trainingStatistics } from '../src/node';
        (async () => {
          const { train } = await openSource(process.argv[2]);
          const statistics = (workers) => trainingStatistics(train, { cache: null, workers });
          console.log(await statistics(1).catch((error) => error.code + ' ' + error.message));
          console.log((await statistics(0)).mean.length);
        })();`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    platform: 'node',
    format: 'cjs',
    bundle: true,
    external: ['sharp'],
    conditions: ['@vgg/source'],
    logLevel: 'silent',
    write: false,
  });
  writeFileSync(BUNDLE, outputFiles[0]!.contents);
  const image = await png(patternImage(40, 40));
  const path = folder({ 'a/1.png': image, 'a/2.png': image, 'b/1.png': image });
  const { stdout } = await promisify(execFile)(process.execPath, [BUNDLE, path]);
  expect(stdout.trim().split('\n')).toEqual([
    'VGG_STATE the data worker cannot be found from inside a CommonJS bundle: keep @vgg/data external, or use workers: 0',
    '3',
  ]);
});
