/** The variables of a net from an initialiser. */
import { dispose, type Tensor, tensor, tidy, type Variable, variable } from '@tensorflow/tfjs-core';
import { sizeOf, VggError } from '@vgg/core';
import type { Initialiser } from './initialisers';
import { type LentTensor, lentTensor } from './lent-tensor';
import { isLearned, type VariableSpec } from './plan';

/** Creates variables by name. If the initialiser fails, those already created are disposed. */
export function makeVariables(specs: readonly VariableSpec[], initialiser: Initialiser): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  try {
    for (const spec of specs) variables.set(spec.name, makeVariable(spec, initialiser));
  } catch (error) {
    dispose([...variables.values()]);
    throw error;
  }
  return variables;
}

/** Creates a variable with checked values. A tensor from the initialiser is not disposed. */
function makeVariable(spec: VariableSpec, initialiser: Initialiser): Variable {
  let lent: LentTensor | undefined;
  const allocate = (): Float32Array => {
    lent ??= lentTensor(spec.shape);
    return lent?.numbers ?? new Float32Array(sizeOf(spec.shape));
  };
  try {
    const values = initialiser(spec, allocate);
    return lent && isWhole(values, lent) ? variable(lent.tensor, isLearned(spec)) : variableOf(spec, values);
  } finally {
    lent?.release();
    lent?.tensor.dispose();
  }
}

/** Returns true if `values` are all of the lent memory, also by another view. */
function isWhole(values: Float32Array | Tensor, { numbers }: LentTensor): boolean {
  return values instanceof Float32Array && values.buffer === numbers.buffer && values.length === numbers.length;
}

function variableOf(spec: VariableSpec, values: Float32Array | Tensor): Variable {
  const shape = [...spec.shape];
  if (values instanceof Float32Array) {
    const expected = sizeOf(shape);
    if (values.length !== expected) {
      throw new VggError('shape', `expected ${expected} numbers for ${spec.name} [${shape}], got ${values.length}`);
    }
    return tidy(() => variable(tensor(values, shape), isLearned(spec)));
  }
  if (values.dtype !== 'float32' || values.shape.join() !== shape.join()) {
    throw new VggError('shape', `expected ${spec.name} as float32 [${shape}], got ${values.dtype} [${values.shape}]`);
  }
  return variable(values, isLearned(spec));
}
