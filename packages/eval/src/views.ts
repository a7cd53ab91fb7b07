/** From an image to what the nets see of it at one scale (section 3.2): whole or in crops, as it is and mirrored. */
import {
  centreWindow,
  crop,
  type FloatImage,
  flip,
  gridWindows,
  type RawImage,
  resample,
  rescaledSize,
} from '@vgg/data';
import type { Look, Plan } from './protocol';
import { looksOf } from './protocol';

/** One input of a forward pass: float32 RGB on the 0..255 scale, before the mean is subtracted. */
export interface View {
  readonly look: Look;
  readonly width: number;
  readonly height: number;
  /** The pixels, `height * width * 3`; made when asked for, so that only those of one batch are in memory. */
  pixels(): Float32Array;
}

function view(look: Look, size: { width: number; height: number }, make: () => FloatImage): View {
  return { look, width: size.width, height: size.height, pixels: () => make().data };
}

/**
 * All views of an image at smallest side `scale`. Nets of different input sizes have crops of their own; the dense view
 * is common to all.
 */
export function viewsOf(image: RawImage, scale: number, { nets, protocols, flips }: Plan): View[] {
  const size = rescaledSize(image, scale);
  const looks = looksOf(protocols);
  const crops = [...new Set(nets.map(({ model }) => model.options.inputSize))];
  if (looks.every((look) => look === 'centre')) {
    return crops.map((side) => {
      const window = centreWindow(size, side);
      return view('centre', window, () => resample(image, size, window));
    });
  }
  const rescaled = resample(image, size);
  const mirrored = flips ? flip(rescaled) : undefined;
  const sides = mirrored === undefined ? [rescaled] : [rescaled, mirrored];
  return looks.flatMap((look) => {
    if (look === 'dense') return sides.map((side) => view(look, size, () => side));
    if (look === 'centre') {
      return crops.map((side) => {
        const window = centreWindow(size, side);
        return view(look, window, () => crop(rescaled, window));
      });
    }
    return crops.flatMap((side) =>
      gridWindows(size, side).flatMap((window) => sides.map((from) => view(look, window, () => crop(from, window)))),
    );
  });
}
