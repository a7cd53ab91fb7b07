/**
 * Identity: another reference to the same data. The stock kernel copies, and the gradient tape clones every tensor it
 * saves.
 */
import { Identity, type IdentityInputs } from '@tensorflow/tfjs-core';
import { kernel } from './kernel';

export const identity = kernel<IdentityInputs, object>(Identity, ({ inputs: { x }, backend, stock }) => {
  if (x.dtype === 'string') return stock();
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
});
