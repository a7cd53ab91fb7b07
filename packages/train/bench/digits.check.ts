/**
 * Checks the ONNX file of a net of a table with onnxruntime, which npm installs into a separate folder on the first run: trained
 * on digits, one channel, 28x28. Run `pnpm --filter @vgg/train check:exports`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../test/backend';
import { tensor4d } from '@tensorflow/tfjs-core';
import { cacheFolder, writeFileAtomically } from '@vgg/core/node';
import { exportOnnx, tensorsOf } from '@vgg/weights';
import { afterAll, expect, it } from 'vitest';
import { drawDigits, trainDigits } from '../test/digits';

interface OnnxRuntime {
  InferenceSession: {
    create(path: string): Promise<{
      run(feeds: Record<string, unknown>): Promise<Record<string, { data: Float32Array; dims: readonly number[] }>>;
      release(): Promise<void>;
    }>;
  };
  Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;
}

const folder = mkdtempSync(join(tmpdir(), 'digits-onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Installs onnxruntime where the checks of `@vgg/weights` have it. */
function onnxRuntime(): OnnxRuntime {
  const home = cacheFolder('onnxruntime');
  if (!existsSync(join(home, 'node_modules', 'onnxruntime-node'))) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{ "private": true }');
    const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', 'onnxruntime-node@1.30.0'];
    execFileSync('npm', words, { cwd: home, stdio: 'ignore' });
  }
  return createRequire(join(home, 'package.json'))('onnxruntime-node') as OnnxRuntime;
}

it('computes the same in onnxruntime', async () => {
  const ort = onnxRuntime();
  const { model, validation } = await trainDigits();
  const { images, size } = drawDigits(20, 2000);
  // One channel: channels first and last are the same numbers.
  const logits = model.apply(tensor4d(images, [size, 28, 28, 1])).logits.dataSync();
  const path = join(folder, 'digits.onnx');
  await writeFileAtomically(path, exportOnnx(tensorsOf(model)));
  const session = await ort.InferenceSession.create(path);
  const results = await session.run({ images: new ort.Tensor('float32', images, [size, 1, 28, 28]) });
  const { data, dims } = results.logits!;
  await session.release();
  const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - logits[i]!)), 0);
  console.log(
    `digits: top-1 error ${validation.top1} %, worst difference ${worst.toExponential(1)} of ${dims.join(' x ')}`,
  );
  expect(dims).toEqual([size, 10]);
  expect(worst).toBeLessThan(1e-5 * Math.max(1, ...logits.map(Math.abs)));
  model.dispose();
}, 600_000);
