/** Types of loaded nets: `pnpm typecheck` fails where a configuration is lost. */
import type { Readable } from 'node:stream';
import type { ReadableStream as NodeWebStream } from 'node:stream/web';
import type { Scalar, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { type LpipsWeights, lpips } from '@vgg/perceptual';
import type { Hdf5Loader } from '@vgg/weights';
import { describe, expectTypeOf, it } from 'vitest';
import type { loadImage as loadInBrowser, loadNet as loadNetInBrowser } from '../src/index';
import {
  type classify,
  type Guess,
  isConfiguration,
  type LoadedNet,
  type loadImage,
  type loadKnown,
  type loadNet,
  type NodeImage,
  type Vgg,
} from '../src/node';

/** A program that is compiled and not run: it downloads a net. */
export async function distance(load: typeof loadKnown, weights: LpipsWeights, a: Tensor4D, b: Tensor4D) {
  const net = await load('vgg16.tv_features');
  return lpips(net.model, weights, a, b);
}

export function distanceOfAny(net: LoadedNet, weights: LpipsWeights, a: Tensor4D, b: Tensor4D) {
  // @ts-expect-error: the net may be of any configuration
  lpips(net.model, weights, a, b);
  return isConfiguration(net.model, 'D') ? lpips(net.model, weights, a, b) : undefined;
}

export async function names(load: typeof loadKnown) {
  const short = await load('vgg11_bn');
  // @ts-expect-error: there is no net of this name
  const wrong = await load('vgg12');
  // @ts-expect-error: net A has no such layer
  short.model.features({} as Tensor4D, ['relu3_3']);
  return [short, wrong] as const;
}

export function keras(load: typeof loadNet | typeof loadNetInBrowser, hdf5: Hdf5Loader) {
  return load('net.h5', { hdf5 });
}

export async function guesses(
  run: typeof classify,
  net: LoadedNet,
  stream: Readable,
  web: ReadableStream<Uint8Array>,
  nodeWeb: NodeWebStream<Uint8Array>,
  several: AsyncGenerator<NodeImage>,
) {
  // @ts-expect-error: the parts of a stream are not images
  await run(net, stream);
  // @ts-expect-error: the parts of a stream are not images
  await run(net, web);
  // @ts-expect-error: the parts of a stream are not images
  await run(net, nodeWeb);
  const one = await run(net, 'photo.jpg');
  return { one, list: await run(net, [stream, web, 'photo.jpg']), each: await run(net, several) };
}

describe('a published net', () => {
  it('has its configuration in its type, by each of its names', () => {
    expectTypeOf<Awaited<ReturnType<typeof distance>>>().toEqualTypeOf<Tensor1D>();
    expectTypeOf<Awaited<ReturnType<typeof names>>[0]['model']>().toEqualTypeOf<Vgg<'A'>>();
    expectTypeOf<Vgg<'D'>>().toExtend<Vgg>();
    expectTypeOf<Scalar>().not.toExtend<Tensor1D>();
  });

  it('has guesses of one image, or of several', () => {
    type Guesses = Awaited<ReturnType<typeof guesses>>;
    expectTypeOf<Guesses['one']>().toEqualTypeOf<Guess[]>();
    expectTypeOf<Guesses['list']>().toEqualTypeOf<Guess[][]>();
    expectTypeOf<Guesses['each']>().toEqualTypeOf<Guess[][]>();
  });

  it('takes images from anywhere', () => {
    expectTypeOf<Buffer | URL | Blob | string>().toExtend<Parameters<typeof loadImage>[0]>();
    expectTypeOf<ImageData | ImageBitmap | File>().toExtend<Parameters<typeof loadInBrowser>[0]>();
  });
});
