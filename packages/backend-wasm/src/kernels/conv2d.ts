/** Conv2D: a product over windows read in place. Dilated or non-square strides stay with the stock kernel. */
import { backend_util, Conv2D, type Conv2DAttrs, type Conv2DInputs } from '@tensorflow/tfjs-core';
import { addressOf } from '../heap';
import { kernelsOf } from '../module';
import { kernel } from './kernel';
import { convolveWindows } from './windows';

export const conv2d = kernel<Conv2DInputs, Conv2DAttrs>(Conv2D, ({ inputs, attrs, backend, stock }) => {
  const { x, filter } = inputs;
  const { strides, pad, dataFormat, dilations, dimRoundingMode } = attrs;
  if (dataFormat !== 'NHWC' || x.dtype !== 'float32') return stock();
  const info = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, inHeight, inWidth, inChannels, outChannels } = info;
  const { filterHeight, filterWidth, outHeight, outWidth, padInfo } = info;
  if (strideHeight !== strideWidth || dilationHeight !== 1 || dilationWidth !== 1) return stock();
  return convolveWindows(backend, {
    x,
    outShape: info.outShape,
    filterHeight,
    filterWidth,
    stride: strideHeight,
    spacing: 1,
    top: padInfo.top,
    left: padInfo.left,
    paddedHeight: Math.max(padInfo.top + inHeight, (outHeight - 1) * strideHeight + filterHeight),
    paddedWidth: Math.max(padInfo.left + inWidth, (outWidth - 1) * strideWidth + filterWidth),
    pack: (to) =>
      kernelsOf(backend).packPanels(
        addressOf(backend, filter),
        outChannels,
        1,
        filterHeight * filterWidth * inChannels,
        outChannels,
        to,
      ),
  });
});
