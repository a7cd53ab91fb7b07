/** _FusedMatMul: product, bias and ReLU in one pass. Other activations run on the stock kernel. */
import { _FusedMatMul, type _FusedMatMulAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { multiply } from './batch_mat_mul';
import { kernel } from './kernel';

type Inputs = Record<'a' | 'b', TensorInfo> & Record<'bias' | 'preluActivationWeights', TensorInfo | null | undefined>;

export const fusedMatMul = kernel<Inputs, _FusedMatMulAttrs>(_FusedMatMul, ({ inputs, attrs, backend, stock }) => {
  const { a, b } = inputs;
  const bias = inputs.bias as TensorInfo | null | undefined;
  const { activation, transposeA, transposeB } = attrs;
  const columns = b.shape.at(transposeB ? -2 : -1);
  const covered = a.dtype === 'float32' && b.dtype === 'float32' && (activation === 'linear' || activation === 'relu');
  if (!covered || (bias != null && (bias.shape.length !== 1 || bias.shape[0] !== columns))) return stock();
  return multiply(
    backend,
    { a, b },
    { transposeA, transposeB },
    { bias: bias ?? undefined, rectify: activation === 'relu' },
  );
});
