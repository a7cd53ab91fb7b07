/**
 * Conv2DBackpropInput: the convolution of dy, spread by the stride and padded, with the filter rotated by 180° and its
 * input and output channels exchanged. The stock kernel is a scalar loop for each input element.
 */
import {
  Conv2DBackpropInput,
  type Conv2DBackpropInputAttrs,
  type Conv2DBackpropInputInputs,
} from '@tensorflow/tfjs-core';
import { addressOf } from '../heap';
import { convolutionGeometry } from './geometry';
import { kernel } from './kernel';
import { convolveWindows } from './windows';

export const conv2dBackpropInput = kernel<Conv2DBackpropInputInputs, Conv2DBackpropInputAttrs>(
  Conv2DBackpropInput,
  ({ inputs, attrs, backend, stock }) => {
    const { dy, filter } = inputs;
    if (attrs.dataFormat !== 'NHWC') return stock();
    const info = convolutionGeometry(attrs.inputShape, filter.shape, attrs);
    const { filterHeight, filterWidth, inChannels, outChannels, strideHeight, strideWidth, padInfo } = info;
    const [, dyHeight, dyWidth] = dy.shape;
    if (strideHeight !== strideWidth || dyHeight !== info.outHeight || dyWidth !== info.outWidth) return stock();
    return convolveWindows(backend, {
      x: dy,
      outShape: info.inShape,
      filterHeight,
      filterWidth,
      stride: 1,
      spacing: strideHeight,
      top: filterHeight - 1 - padInfo.top,
      left: filterWidth - 1 - padInfo.left,
      paddedHeight: info.inHeight + filterHeight - 1,
      paddedWidth: info.inWidth + filterWidth - 1,
      pack: (to) => ({
        name: 'packRotated',
        args: [addressOf(backend, filter), filterHeight * filterWidth, inChannels, outChannels, to],
      }),
    });
  },
);
