/** A net from a file of any format and naming: recognised, made, its weights read one at a time. */
import { dispose, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { createVgg, summarise, type VariableSpec, type Vgg } from '@vgg/models';
import { checkFinite, checkFit, type WeightReport } from './fit';
import { type NetWeights, type RecogniseOptions, recogniseNet } from './names/recognise';
import { elements } from './safetensors/dtypes';
import type { WeightSource } from './sources/source';

export interface LoadNetOptions extends RecogniseOptions {
  /** Whether a weight that is missing, left over or of another shape is an error. Default true. */
  readonly strict?: boolean;
}

/** A net from a file. The caller disposes `model`. */
export interface LoadedNet {
  readonly model: Vgg;
  /** The file's format: `pytorch`. */
  readonly format: string;
  /** Whose names its tensors had: `torchvision`. */
  readonly naming: string;
  readonly report: WeightReport;
}

/** The variables that a file lacks start as no layer at all would: weights 0, batch norm the identity. */
function blank({ role, shape }: VariableSpec): Float32Array {
  return new Float32Array(elements(shape)).fill(role === 'scale' || role === 'variance' ? 1 : 0);
}

/** Keeps a file that tells of a far larger net than it holds from taking that net's memory. */
function checkHeld(weights: NetWeights, source: string): void {
  const held = [...weights.tensors.values()].reduce((sum, { shape }) => sum + elements(shape), 0);
  const needed = summarise(weights.options).memory.weights / 4;
  if (needed <= 8 * held + 2 ** 27) return;
  throw new VggError('weights', `${source} does not fit the net: it holds ${held} weights of ${needed}`);
}

/**
 * Makes the net that a file holds. Its weights go to the backend one by one; besides them about 16 MB are in use.
 * @param source an open file; it stays open.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when there is no net, it does not fit, or a weight is not
 *   finite; `VGG_IO` when the system refuses.
 */
export async function loadNet(source: WeightSource, options: LoadNetOptions = {}): Promise<LoadedNet> {
  const { strict = true, ...which } = options;
  const weights = recogniseNet(source, which);
  if (strict) checkFit(weights.report, source.name);
  checkHeld(weights, source.name);
  const tensors = new Map<string, Tensor>();
  try {
    for (const [name, { shape }] of weights.tensors) {
      const values = await weights.read(name);
      checkFinite(name, values, source.name);
      tensors.set(name, tensor(values, [...shape]));
    }
    const model = createVgg(weights.options, (spec) => tensors.get(spec.name) ?? blank(spec));
    return { model, format: source.format, naming: weights.naming, report: weights.report };
  } finally {
    dispose([...tensors.values()]);
  }
}
