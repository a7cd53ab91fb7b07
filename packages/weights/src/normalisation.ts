/** The division of a net's preprocessing, folded into conv1_1. */
import { tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { pixelTransform, scaleInputs } from './initial-weights';
import type { LoadedNet } from './load-net';
import { inputTransform, type Preprocessing, preprocessingFault } from './preprocessing';

/** Exchanges the first and the third input colour of conv1_1's filters. */
function exchangeColours(filters: Float32Array, outputs: number): Float32Array {
  return filters.map((_, i) => {
    const colour = Math.floor(i / outputs) % 3;
    return filters[i + (2 - 2 * colour) * outputs]!;
  });
}

/**
 * Folds the normalisation of a net's images into conv1_1: afterwards the net takes RGB from 0 to 255 minus a mean, without a
 * division, and computes the same. The filters of `net.model` are changed in place. `trainingTransform` of `@vgg/data` needs no
 * folding; it is for programs that can only subtract a mean.
 * @returns the net with the preprocessing and the transform that it takes now. Its `model` is the same object.
 * @throws VggError `VGG_ARGUMENT` when the net's preprocessing is not known or not valid.
 */
export async function foldNormalisation<Net extends Pick<LoadedNet, 'model' | 'preprocessing' | 'transform'>>(
  net: Net,
): Promise<Net & { readonly preprocessing: Preprocessing; readonly transform: NonNullable<Net['transform']> }> {
  const { model, preprocessing } = net;
  if (preprocessing === undefined) {
    throw new VggError('argument', 'the preprocessing of this net is not known: load it with { preprocessing }');
  }
  const fault = preprocessingFault(preprocessing, model.options.channels);
  if (fault !== undefined) throw new VggError('argument', `preprocessing of a net: ${fault}`);
  const { mean, factor } = pixelTransform(preprocessing);
  const isBgr = preprocessing.channels === 'BGR';
  const variable = model.variables.get('conv1_1.weight')!;
  const outputs = variable.shape.at(-1)!;
  const scaled = scaleInputs((await variable.data()) as Float32Array, factor, outputs);
  tidy(() => variable.assign(tensor(isBgr ? exchangeColours(scaled, outputs) : scaled, variable.shape)));
  const { scale, resize, interpolation } = preprocessing;
  const plain: Preprocessing = { mean: isBgr ? [...mean].reverse() : mean, scale, resize, interpolation };
  const transform = inputTransform(plain, model.options) as NonNullable<Net['transform']>;
  return { ...net, preprocessing: plain, transform };
}
