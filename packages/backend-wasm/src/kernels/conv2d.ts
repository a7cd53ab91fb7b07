/** Conv2D: a product over windows that are read in place. Dilations and unequal strides run on the stock kernel. */
import { Conv2D, type Conv2DAttrs, type Conv2DInputs } from '@tensorflow/tfjs-core';
import { addressOf } from '../heap';
import { convolutionGeometry, paddedSize } from './geometry';
import { kernel } from './kernel';
import { convolveWindows } from './windows';

export const conv2d = kernel<Conv2DInputs, Conv2DAttrs>(Conv2D, ({ inputs, attrs, backend, stock }) => {
  const { x, filter } = inputs;
  if (attrs.dataFormat !== 'NHWC' || x.dtype !== 'float32') return stock();
  const info = convolutionGeometry(x.shape, filter.shape, attrs, attrs.dilations);
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, filterHeight, filterWidth } = info;
  if (strideHeight !== strideWidth || dilationHeight !== 1 || dilationWidth !== 1) return stock();
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
});
