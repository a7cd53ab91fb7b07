/**
 * Conv2D and FusedConv2D: a product over windows that are read in place, with bias and ReLU. Dilations, unequal strides and other
 * activations run on the stock kernel.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  Conv2D,
  type Conv2DAttrs,
  type Conv2DInputs,
  FusedConv2D,
  type FusedConv2DAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { addressOf } from '../heap';
import { convolutionGeometry, paddedSize } from './geometry';
import { kernel } from './kernel';
import { convolveWindows, type Windows } from './windows';

/** Computes a convolution, or returns undefined for one that the stock kernel computes. */
function convolve(
  backend: BackendWasm,
  { x, filter }: { x: TensorInfo; filter: TensorInfo },
  attrs: Conv2DAttrs,
  finish: Pick<Windows, 'bias' | 'rectify'>,
): TensorInfo | undefined {
  if (attrs.dataFormat !== 'NHWC' || x.dtype !== 'float32') return undefined;
  const info = convolutionGeometry(x.shape, filter.shape, attrs, attrs.dilations);
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, filterHeight, filterWidth } = info;
  if (strideHeight !== strideWidth || dilationHeight !== 1 || dilationWidth !== 1) return undefined;
  if (finish.bias !== undefined && finish.bias.shape.join() !== String(info.outChannels)) return undefined;
  return convolveWindows(backend, {
    x,
    outShape: info.outShape,
    filterHeight,
    filterWidth,
    stride: strideHeight,
    spacing: 1,
    top: info.padInfo.top,
    left: info.padInfo.left,
    ...paddedSize(info),
    ...finish,
    pack: (to) => ({
      name: 'packPanelsPart',
      args: [
        addressOf(backend, filter),
        info.outChannels,
        1,
        filterHeight * filterWidth * info.inChannels,
        info.outChannels,
        to,
      ],
    }),
  });
}

export const conv2d = kernel<Conv2DInputs, Conv2DAttrs>(
  Conv2D,
  ({ inputs, attrs, backend, stock }) => convolve(backend, inputs, attrs, {}) ?? stock(),
);

type FusedInputs = Record<'x' | 'filter', TensorInfo> & { bias: TensorInfo | null | undefined };

export const fusedConv2d = kernel<FusedInputs, FusedConv2DAttrs>(FusedConv2D, ({ inputs, attrs, backend, stock }) => {
  const bias = (inputs.bias as TensorInfo | null | undefined) ?? undefined;
  const { activation } = attrs;
  if (activation !== 'linear' && activation !== 'relu') return stock();
  return convolve(backend, inputs, attrs, { bias, rectify: activation === 'relu' }) ?? stock();
});
