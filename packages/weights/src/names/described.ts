/** The net that a file describes in its metadata, for images of its own or of another size. */
import { VggError } from '@vgg/core';
import { inputShape, poolings, type ResolvedVggOptions, type VggOptions } from '@vgg/models';
import { describedOptions } from '../description';
import type { WeightSource } from '../sources/source';
import { type Candidate, candidate } from './candidate';
import type { Naming } from './naming';

/** Returns height and width of the map before the fully-connected layers. */
function mapOf({ configuration, inputSize }: Pick<ResolvedVggOptions, 'configuration' | 'inputSize'>): string {
  const [height, width] = inputShape({ inputSize });
  return [height, width].map((side) => Math.floor(side / 2 ** poolings(configuration))).join('x');
}

/**
 * Returns the net that a file describes; undefined if it has no description or other layers.
 * @throws VggError `VGG_ARGUMENT` for an input size that the fully-connected layers do not take.
 */
export function describedCandidate(
  { metadata, name }: WeightSource,
  naming: Naming,
  prefix: string,
  tensors: WeightSource['tensors'],
  { inputSize, head }: { readonly inputSize?: VggOptions['inputSize']; readonly head?: 'none' | undefined },
): Candidate | undefined {
  const described = describedOptions(metadata, name);
  if (described === undefined) return undefined;
  const options = { ...described, inputSize: inputSize ?? described.inputSize };
  if (described.head !== 'none' && head !== 'none' && mapOf(options) !== mapOf(described)) {
    const [own, given] = [described, options].map((net) => inputShape(net).slice(0, 2).join('x'));
    throw new VggError(
      'argument',
      `the fully-connected layers of ${name} take images of ${own} (height x width), got an input size of ${given}: leave it out, or ` +
        'leave out the head',
    );
  }
  return candidate(naming, prefix, tensors, described, options.inputSize);
}
