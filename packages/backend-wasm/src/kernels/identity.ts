/**
 * Identity, and Cast to the type that a tensor has: another reference to the same data. The stock kernels copy. The gradient tape
 * clones every tensor it saves.
 */
import { Cast, type CastAttrs, Identity, type IdentityInputs, type TensorInfo } from '@tensorflow/tfjs-core';
import { kernel } from './kernel';

export const identity = kernel<IdentityInputs, object>(Identity, ({ inputs: { x }, backend, stock }) => {
  if (x.dtype === 'string') return stock();
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
});

export const cast = kernel<{ x: TensorInfo }, CastAttrs>(Cast, ({ inputs: { x }, attrs, backend, stock }) => {
  if (x.dtype === 'string' || x.dtype !== attrs.dtype) return stock();
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
});
