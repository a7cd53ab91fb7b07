/** Loading of named tensors into an existing net. */
import { tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import type { Vgg } from '@vgg/models';
import { checkFinite, checkFit, compareWeights, type WeightReport } from './fit';
import { asFloat32, type TensorData } from './safetensors/dtypes';

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions {
  /** True if any difference is an error; false if all tensors that fit are loaded. Default true. */
  readonly strict?: boolean | undefined;
  /** Name of the tensors in errors. Default `the weights`. */
  readonly source?: string | undefined;
}

/** @throws VggError `VGG_WEIGHTS` for a tensor of integers or with a number that is not finite. */
function finiteValues(name: string, data: TensorData, source: string): Float32Array {
  const values = asFloat32(data);
  checkFinite(name, values, source);
  return values;
}

/** Assigns the values of a tensor to a variable of the same shape. */
export function setVariable(name: string, variable: Variable, data: TensorData, source: string): void {
  const values = finiteValues(name, data, source);
  tidy(() => variable.assign(tensor(values, variable.shape)));
}

/**
 * Replaces the values of a net's variables. If it throws, no variable has changed.
 *
 * @param model the net, or anything with named variables.
 * @param tensors tensors by canonical name (`conv1_1.weight`); F32, F16, BF16 or F64.
 * @returns the names of the loaded tensors, and with `strict: false` those missing, left over or of another shape.
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
