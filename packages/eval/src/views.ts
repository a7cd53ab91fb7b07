/** Inputs of the nets made from an image at one scale (section 3.2): the whole image or crops of it, with their flips. */
import {
  type CropSize,
  centreWindow,
  crop,
  cropText,
  flip,
  gridWindows,
  type RawImage,
  resample,
  rescaledSize,
  type Size,
  type Window,
} from '@vgg/data';
import { type Plan, type ViewKind, viewKinds } from './protocol';

/** One input of a forward pass: float32 RGB on the 0..255 scale, before the mean is subtracted. */
export interface View {
  readonly kind: ViewKind;
  readonly width: number;
  readonly height: number;
  /** Number of equal views that this one stands for: an image as high as the crop has five equal rows of crops. */
  readonly count: number;
  /** Computes the pixels into `out`, of `height * width * 3` numbers, so that only those of one batch are in memory. */
  write(out: Float32Array): void;
}

function view(kind: ViewKind, { width, height }: Size, write: View['write'], count = 1): View {
  return { kind, width, height, count, write };
}

/** Returns the different windows of the 5x5 grid, each with the number of times that the grid has it. */
function differentWindows(size: Size, own: CropSize): { window: Window; count: number }[] {
  const different = new Map<string, { window: Window; count: number }>();
  for (const window of gridWindows(size, own)) {
    const key = `${window.left} ${window.top}`;
    const known = different.get(key);
    if (known) known.count += 1;
    else different.set(key, { window, count: 1 });
  }
  return [...different.values()];
}

/**
 * Returns all views of an image at smallest side `scale`. Nets of different input sizes have different crops; all nets
 * share the dense view.
 */
export function viewsOf(image: RawImage, scale: number, { nets, protocols, flips }: Plan): View[] {
  const size = rescaledSize(image, scale);
  const kinds = viewKinds(protocols);
  const sizes = nets.map(({ model }) => model.options.inputSize);
  const crops = sizes.filter((a, i) => sizes.findIndex((b) => cropText(a) === cropText(b)) === i);
  if (kinds.every((kind) => kind === 'centre')) {
    return crops.map((own) => {
      const window = centreWindow(size, own);
      return view('centre', window, (out) => out.set(resample(image, size, window).data));
    });
  }
  const original = resample(image, size);
  const images = flips ? [original, flip(original)] : [original];
  return kinds.flatMap((kind) => {
    if (kind === 'dense') return images.map((whole) => view(kind, size, (out) => out.set(whole.data)));
    if (kind === 'centre') {
      return crops.map((own) => {
        const window = centreWindow(size, own);
        return view(kind, window, (out) => crop(original, window, out));
      });
    }
    return crops.flatMap((own) =>
      differentWindows(size, own).flatMap(({ window, count }) =>
        images.map((from) => view(kind, window, (out) => crop(from, window, out), count)),
      ),
    );
  });
}
