/** Steps from decoded pixels to a crop: the part of an image that a crop needs, its resampling, its values. */
import { erase } from '../erasing';
import type { RawImage, Size, Window } from '../image';
import { normaliseInto } from '../normalise';
import { planPillow } from '../pillow';
import { applyOperation } from '../pixel-operations';
import { PILLOW_FILTERS } from '../prepare';
import { span } from '../resample';
import type { Geometry } from '../transform';
import { axisOf, type BytePart, resampleBytes } from './resample-bytes';
import { lookUp, resamplePillow } from './resample-pillow';

/** A crop of one decoded image: where it lies, and how it is written. */
export interface CropPlan {
  readonly geometry: Geometry;
  /** Size of the whole image when it is decoded. */
  readonly size: Size;
  /** Part of that image that is needed. */
  readonly window: Window;
  /** Writes the rescaled crop to `out` at `offset`. */
  fill(out: Float32Array, offset: number, part: BytePart, values: PixelValues): void;
}

/** Numbers to add to every pixel, and the normalisation that follows. */
type PixelValues = Pick<Geometry, 'shift' | 'normalisation'>;

/** Plans the crop of an image that has `size` when it is decoded. */
export function planCrop(size: Size, geometry: Geometry): CropPlan {
  const plan = geometry.interpolation === undefined ? planTriangle : planOfPillow;
  return { geometry, size, ...plan(size, geometry) };
}

/** Plans the crop by this project's filter. */
function planTriangle(size: Size, { rescaled, window, flip }: Geometry): Pick<CropPlan, 'window' | 'fill'> {
  const horizontal = axisOf(size.width, rescaled.width, window.left, window.width);
  const vertical = axisOf(size.height, rescaled.height, window.top, window.height);
  const [left, right] = span(horizontal);
  const [top, bottom] = span(vertical);
  return {
    window: { left, top, width: right - left, height: bottom - top },
    fill(out, offset, part, { shift, normalisation }) {
      resampleBytes(out, offset, part, horizontal, vertical, flip, shift);
      const pixels = out.subarray(offset, offset + window.width * window.height * 3);
      if (normalisation !== undefined) normaliseInto(pixels, pixels, normalisation);
    },
  };
}

/** Plans the crop by a filter of Pillow. */
function planOfPillow(
  size: Size,
  { rescaled, window, flip, interpolation }: Geometry,
): Pick<CropPlan, 'window' | 'fill'> {
  const plan = planPillow(size, rescaled, window, PILLOW_FILTERS[interpolation!]);
  return {
    window: plan.source,
    fill(out, offset, part, values) {
      const pixels = plan.axes ? resamplePillow(part, plan.axes.across, plan.axes.down) : plan.compute(part);
      fillFromBytes(out, offset, { ...window, data: pixels }, flip, values);
    },
  };
}

/** Writes 8-bit pixels as normalised numbers. There are only 256 numbers for each channel, so they come from a table. */
function fillFromBytes(
  out: Float32Array,
  offset: number,
  image: RawImage,
  flip: boolean,
  { shift, normalisation }: PixelValues,
): void {
  const table = new Float32Array(256 * 3);
  for (let i = 0; i < table.length; i++) table[i] = Math.floor(i / 3) + shift[i % 3]!;
  if (normalisation !== undefined) normaliseInto(table, table, normalisation);
  out.set(lookUp(image, table, normalisation?.channels === 'BGR', flip), offset);
}

/** Resamples the crop, changes its values, and erases its rectangle if there is one. */
export function writeCrop(out: Float32Array, offset: number, part: BytePart, { geometry, fill }: CropPlan): void {
  const { shift, erased, window, operations = [], normalisation } = geometry;
  if (operations.length > 0 || geometry.change !== undefined) {
    fill(out, offset, part, { shift: [0, 0, 0] });
    const pixels = out.subarray(offset, offset + window.width * window.height * 3);
    change(pixels, geometry);
    if (normalisation !== undefined) normaliseInto(pixels, pixels, normalisation);
  } else {
    fill(out, offset, part, { shift, normalisation });
  }
  if (erased !== null) erase(out, offset, window.width, erased);
}

/** Applies the operations on a crop's pixels and the change, then adds the shift. */
function change(pixels: Float32Array, { operations = [], window, shift, change: own }: Geometry): void {
  for (const operation of operations) applyOperation(pixels, window, operation);
  own?.(pixels);
  for (let i = 0; i < pixels.length; i++) pixels[i]! += shift[i % 3]!;
}
