/** Maps of PyTorch (tools/fixtures/grad_cam.py), and their nets and images. */
import { readFileSync } from 'node:fs';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { createVgg, type ResolvedVggOptions, type Vgg } from '@vgg/models';
import { hashedImages, hashedInitialiser } from '@vgg/testing';

interface RecordedNet {
  readonly options: ResolvedVggOptions;
  readonly seed: number;
  /** Grad-CAM by tap, and occlusion: one map for each image of all views. */
  readonly maps: Readonly<Record<string, readonly number[][]>>;
  readonly occlusion: readonly number[][];
}

interface RecordedMaps {
  readonly amplitude: number;
  /** Batches of images: count, height, width. */
  readonly views: readonly [count: number, height: number, width: number][];
  /** Class of every first and every second image. */
  readonly labels: readonly number[];
  /** Side of the covered square, and the distance of two squares. */
  readonly size: number;
  readonly stride: number;
  readonly nets: readonly RecordedNet[];
}

export const RECORDED: RecordedMaps = JSON.parse(
  readFileSync(new URL('./fixtures/grad-cam.json', import.meta.url), 'utf8'),
);

/** Recorded nets by name. */
export const RECORDED_NETS = RECORDED.nets.map(
  (net) => [net.options.batchNorm ? 'D with batch norm' : 'D', net] as const,
);

export function createRecorded({ options, seed }: RecordedNet): Vgg {
  return createVgg(options, hashedInitialiser({ seed }));
}

/** Returns the images of each view. */
export function recordedImages({ seed }: RecordedNet): Tensor4D[] {
  return RECORDED.views.map(([count, height, width]) => {
    return hashedImages({ seed, amplitude: RECORDED.amplitude }, count, height, width);
  });
}
