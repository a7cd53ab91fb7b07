/** The identity of a net: all that changes its descriptors. */
import '@tensorflow/tfjs-backend-cpu';
import { createVgg, heInitialiser, type VggOptions, type VggTable } from '@vgg/models';
import { expect, it } from 'vitest';
import { netHash } from '../src/node';

async function hashOf(options: Partial<VggOptions<VggTable | 'A' | 'A-LRN'>>, seed = 0): Promise<string> {
  const model = createVgg(
    { configuration: 'A', classes: 2, inputSize: 32, width: 1 / 64, ...options },
    heInitialiser({ seed }),
  );
  const hash = await netHash(model);
  model.dispose();
  return hash;
}

it('is the same for the same net, also for one that a table describes, and for another dropout', async () => {
  const A = [64, 'pool', 128, 'pool', 256, 256, 'pool', 512, 512, 'pool', 512, 512, 'pool'] as const;
  expect(await hashOf({})).toBe(await hashOf({}));
  expect(await hashOf({ configuration: A })).toBe(await hashOf({}));
  expect(await hashOf({ dropout: 0 })).toBe(await hashOf({}));
});

it('is another one for other weights', async () => {
  expect(await hashOf({}, 1)).not.toBe(await hashOf({}));
});

it('is another one for layers without weights, of the same weights', async () => {
  expect(await hashOf({ configuration: 'A-LRN' })).not.toBe(await hashOf({}));
  const none = { head: 'none' } as const;
  expect(await hashOf({ ...none, configuration: [64, 'pool'] })).not.toBe(
    await hashOf({ ...none, configuration: [64] }),
  );
});

it('is another one for another window of the first fully-connected layer, of the same weights', async () => {
  expect(await hashOf({ inputSize: [64, 32] })).not.toBe(await hashOf({ inputSize: [32, 64] }));
});
