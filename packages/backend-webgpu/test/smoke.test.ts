import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';

it('works', async () => {
  const { configure, device } = await import('../src/index');
  configure({ software: true });
  expect(await tf.setBackend('webgpu')).toBe(true);
  console.log(device());
  const x = tf.randomNormal([100, 200]);
  const y = tf.matMul(x, x, true, false);
  console.log((await y.data()).slice(0, 3));
  const z = tf.randomNormal([40000000]);
  try {
    await tf.mul(z, z).data();
  } catch (e) {
    console.log(String(e));
  }
});
