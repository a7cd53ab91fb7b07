/** Heat maps of whole images by any method, averaged over nets, scales and flips. */
import { VggError } from '@vgg/core';
import { averageMap, type ClassMapOptions, densePosterior, type Pass } from './class-map';
import { gradCam, type TappedNet } from './grad-cam';
import type { ClassMap, MapMethod } from './map';
import { occlusion } from './occlusion';

/** Options of {@link heatMap}. */
export interface HeatMapOptions extends ClassMapOptions<TappedNet> {
  readonly method: MapMethod;
}

/** Returns a pass of Grad-CAM, divided by its highest value: the scores of nets and scales differ. */
const gradCamPass: Pass<TappedNet> = async ({ model }, input, classIndex) => {
  const [{ data, width, height, high }] = (await gradCam(model, input, { classIndex })) as [ClassMap];
  // Every max-pool before the layer halves the sides and rounds down.
  const stride = 2 ** Math.floor(Math.log2(input.shape[2] / width));
  const shares = high > 0 ? data.map((value) => value / high) : data;
  return { columns: width, rows: height, data: shares, window: { width: stride, height: stride }, stride };
};

/** Number of points of occlusion along the smaller side: the cost is their square, at every scale. */
const POINTS = 8;

/** Returns a pass of occlusion by squares of a quarter of the smaller side, which overlap by half. */
const occlusionPass: Pass<TappedNet> = async ({ model }, input, classIndex) => {
  const [, rows, columns] = input.shape;
  const stride = Math.max(1, Math.round(Math.min(rows, columns) / POINTS));
  const [{ data, width, height }] = (await occlusion(model, input, { classIndex, size: 2 * stride, stride })) as [
    ClassMap,
  ];
  return { columns: width, rows: height, data, window: { width: stride, height: stride }, stride };
};

const PASSES: Readonly<Record<MapMethod, Pass<TappedNet>>> = {
  'grad-cam': gradCamPass,
  'class-map': densePosterior,
  occlusion: occlusionPass,
};

/**
 * Computes where nets see a class in a whole image. The values are: by `grad-cam`, shares of the highest value of a pass, 0 to 1; by
 * `class-map`, posteriors; by `occlusion`, lost posteriors, -1 to 1.
 *
 * @throws VggError as `classMap`.
 */
export async function heatMap({ method, ...options }: HeatMapOptions): Promise<ClassMap> {
  const pass = PASSES[method] as Pass<TappedNet> | undefined;
  if (pass !== undefined) return averageMap(method, pass, options);
  throw new VggError('argument', `unknown method ${method}; known are ${Object.keys(PASSES).join(', ')}`);
}
