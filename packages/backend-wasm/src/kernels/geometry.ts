/** Geometry of a convolution on NHWC, as tfjs-core computes it. */
import { backend_util, type Conv2DAttrs } from '@tensorflow/tfjs-core';

type Shape = readonly number[];

/** Returns the convolution's sizes, strides and padding. Default dilations 1. */
export function convolutionGeometry(
  x: Shape,
  filter: Shape,
  { strides, pad, dimRoundingMode }: Pick<Conv2DAttrs, 'strides' | 'pad' | 'dimRoundingMode'>,
  dilations: Conv2DAttrs['dilations'] | number = 1,
): backend_util.Conv2DInfo {
  return backend_util.computeConv2DInfo(
    x as [number, number, number, number],
    filter as [number, number, number, number],
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
}

/** Returns the size of the padded image: at least the image itself, and all that the windows cover. */
export function paddedSize(info: backend_util.Conv2DInfo): { paddedHeight: number; paddedWidth: number } {
  const { padInfo, strideHeight, strideWidth } = info;
  return {
    paddedHeight: Math.max(padInfo.top + info.inHeight, (info.outHeight - 1) * strideHeight + info.filterHeight),
    paddedWidth: Math.max(padInfo.left + info.inWidth, (info.outWidth - 1) * strideWidth + info.filterWidth),
  };
}
