/** Tensors by name into a network that exists. */
import { tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import type { Vgg } from '@vgg/models';
import { checkFinite, checkFit, compareWeights, type WeightReport } from './fit';
import { asFloat32, type TensorData } from './safetensors/dtypes';

export interface LoadWeightsOptions {
  /** Whether any misfit is an error. Default true; if false, what fits is loaded and the report tells the rest. */
  readonly strict?: boolean;
  /** What to call the tensors in errors. */
  readonly source?: string;
}

/** @throws VggError `VGG_WEIGHTS` for a tensor of integers or with a number that is not finite. */
function finiteValues(name: string, data: TensorData, source: string): Float32Array {
  const values = asFloat32(data);
  checkFinite(name, values, source);
  return values;
}

/** Gives a variable the values of a tensor of its shape. */
export function setVariable(name: string, variable: Variable, data: TensorData, source: string): void {
  const values = finiteValues(name, data, source);
  tidy(() => variable.assign(tensor(values, variable.shape)));
}

/**
 * Replaces the values of a network's variables. Unless all is well, nothing has changed when it throws.
 *
 * @param model the network, or anything with named variables.
 * @param tensors by canonical name (`conv1_1.weight`); F32, F16, BF16 or F64.
 * @returns what was loaded, and with `strict: false` what was missing, left over or of another shape.
 * @throws VggError `VGG_WEIGHTS` when strict and the names or shapes differ; always for a tensor that holds integers or
 *   numbers that are not finite.
 */
export function loadWeights(
  model: Pick<Vgg, 'variables'>,
  tensors: ReadonlyMap<string, TensorData>,
  { strict = true, source = 'the weights' }: LoadWeightsOptions = {},
): WeightReport {
  const report = compareWeights(model.variables, tensors);
  if (strict) checkFit(report, source);
  for (const name of report.loaded) finiteValues(name, tensors.get(name)!, source);
  for (const name of report.loaded) setVariable(name, model.variables.get(name)!, tensors.get(name)!, source);
  return report;
}
