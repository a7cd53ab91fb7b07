/** Identity: the same data under another reference. The stock kernel copies, and a tape clones every result it saves. */
import { Identity, type IdentityInputs } from '@tensorflow/tfjs-core';
import { kernel } from './kernel';

export const identity = kernel<IdentityInputs, object>(Identity, ({ inputs: { x }, backend, stock }) => {
  if (x.dtype === 'string') return stock();
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
});
