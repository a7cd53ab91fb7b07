/**
 * Specs of tfjs-core that need more digits than bfloat16 has, by exact name, with the reason. The test fails if any
 * other spec fails, or if one of these passes.
 */
const FACTORS = 'the factors of products are rounded to 8 bits, the spec expects the exact product to 1e-3';
const ACTIVATIONS = 'the result is held in 8 bits, the spec expects it to 1e-3';

export const BFLOAT16_SKIPS: Readonly<Record<string, string>> = {
  'conv2d onednn {} x=[3,3,2] f=[2,2,2,1] s=1 d=1 p=valid': ACTIVATIONS,
  'conv2d onednn {} x=[1,8,8,16] f=[3,3,16,1] s=[2,2] d=1 p=same': ACTIVATIONS,
  'conv2dTranspose onednn {} input=3x3x1,d2=1,f=2,s=2,p=same': ACTIVATIONS,
  'conv2dTranspose onednn {} input=3x3x1,d2=1,f=2,s=2,p=explicit': ACTIVATIONS,
  'conv2dTranspose onednn {} gradient with clones input=[1,3,3,1] f=[2,2,2,1] s=1 padding=valid': FACTORS,
  'conv2dTranspose onednn {} gradient input=[1,2,2,1] f=[2,2,2,1] s=[2,2] padding=valid': FACTORS,
  'conv2dTranspose onednn {} gradient input=[1,3,3,1] f=[2,2,2,1] s=[1,1] padding=same': FACTORS,
  'conv2dTranspose onednn {} gradient input=[1,3,3,1] f=[2,2,2,1] s=[1,1] p=explicit': FACTORS,
  'conv2dTranspose onednn {} gradient input=[1,2,2,2] f=[2,2,2,1] s=[2,2] padding=same': FACTORS,
  'fused conv2d onednn {} relu with stride 2 x=[1,8,8,16] f=[3,3,16,1] s=[2,2] d=1 p=same': ACTIVATIONS,
  'fused conv2d onednn {} relu bias stride 2 x=[1,8,8,16] f=[3,3,16,1] s=[2,2] d=8 p=same': ACTIVATIONS,
  'fused conv2d onednn {} prelu bias stride 2 x=[1,8,8,16] f=[3,3,16,1] s=[2,2] d=8 p=same': ACTIVATIONS,
  'fused conv2d onednn {} relu6 bias stride 2 x=[1,8,8,16] f=[3,3,16,8] s=[2,2] d=8 p=same': ACTIVATIONS,
  'fused conv2d onednn {} leakyrelu bias stride 2 x=[1,8,8,16] f=[3,3,16,1] s=[2,2] d=8 p=same': ACTIVATIONS,
  'gramSchmidt-tiny onednn {} 2x2, Array of Tensor1D': FACTORS,
  'gramSchmidt-tiny onednn {} 3x3, Array of Tensor1D': FACTORS,
  'gramSchmidt-tiny onednn {} 3x3, Matrix': FACTORS,
  'gramSchmidt-tiny onednn {} 2x3, Matrix': FACTORS,
  'qr onednn {} 2x2': FACTORS,
  'qr onednn {} 2x2x2': FACTORS,
  'qr onednn {} 2x1x2x2': FACTORS,
  'qr onednn {} 3x3': FACTORS,
  'qr onednn {} 3x3, zero on diagonal': FACTORS,
  'qr onednn {} 3x2, fullMatrices = default false': FACTORS,
  'qr onednn {} 3x2, fullMatrices = true': FACTORS,
  'qr onednn {} 2x3, fullMatrices = default false': FACTORS,
  'qr onednn {} 2x3, fullMatrices = true': FACTORS,
};
