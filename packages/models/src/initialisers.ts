/**
 * Initial weights of a net (section 3.1): normal with any sigma, Glorot, He, zeros, or those of a trained net A. Random
 * numbers are addressed by (seed, variable name), so they do not depend on the other layers of the net.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { type RandomStream, randomStream, sizeOf, VggError } from '@vgg/core';
import type { VariableRole, VariableSpec } from './plan';

/**
 * Function that returns the initial values of a variable: one number per element of its shape, in row-major order, or a
 * float32 tensor of that shape, which the initialiser still owns (the net shares its memory until either is written to
 * or disposed).
 *
 * It may write the numbers to the array that `allocate` returns and return that array. On backends that lend their memory
 * this is the variable's own, so nothing is copied. Its numbers are not set before.
 */
export type Initialiser = (variable: VariableSpec, allocate?: () => Float32Array) => Float32Array | Tensor;

/** Initial values of variables that are not weights: zero biases, and batch norm as the identity. */
const CONSTANTS: Readonly<Record<Exclude<VariableRole, 'weight'>, number>> = {
  bias: 0,
  scale: 1,
  offset: 0,
  mean: 0,
  variance: 1,
};

/** Returns the values of a variable that is not a weight, or of a weight 0. */
function constant({ role, shape }: VariableSpec): Float32Array {
  const out = new Float32Array(sizeOf(shape));
  return role === 'weight' || CONSTANTS[role] === 0 ? out : out.fill(CONSTANTS[role]);
}

/** Returns an initialiser that fills weights with `fill` and all other variables with their constant. */
function randomInitialiser(seed: number, fill: (stream: RandomStream, out: Float32Array, spec: VariableSpec) => void) {
  randomStream(seed, 'initialise'); // Refuses a bad seed before the first variable.
  return (variable: VariableSpec, allocate?: () => Float32Array): Float32Array => {
    if (variable.role !== 'weight') return constant(variable);
    const out = allocate?.() ?? new Float32Array(sizeOf(variable.shape));
    fill(randomStream(seed, `initialise/${variable.name}`), out, variable);
    return out;
  };
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}

/** Returns the numbers of inputs and outputs of a weight [h, w, in, out] or [in, out], times its filter positions. */
function fans({ shape }: VariableSpec): { fanIn: number; fanOut: number } {
  const positions = sizeOf(shape.slice(0, -2));
  return { fanIn: positions * shape.at(-2)!, fanOut: positions * shape.at(-1)! };
}

/**
 * Returns an initialiser with weights from N(0, sigma²) and biases 0. The paper's net A has sigma 0.1 (variance 1e-2,
 * section 3.1), which diverges easily at full width; reproductions use 0.01, the default.
 *
 * @throws VggError `VGG_ARGUMENT` unless `sigma` is a number of at least 0 and `seed` an integer from 0 to 2^53 - 1.
 */
export function normalInitialiser({ seed, sigma = 0.01 }: { seed: number; sigma?: number | undefined }): Initialiser {
  if (!(sigma >= 0 && Number.isFinite(sigma))) {
    throw new VggError('argument', `sigma of the normal initialiser must be a number of at least 0, got ${sigma}`);
  }
  return randomInitialiser(seed, (stream, out) => scale(stream.fillNormal(out), sigma));
}

/**
 * Returns an initialiser with weights uniform in ±√(6 / (fan-in + fan-out)) and biases 0 (Glorot & Bengio 2010,
 * equation 16). Section 3.1 of the paper notes that it makes pre-initialisation unnecessary.
 */
export function glorotInitialiser({ seed }: { seed: number }): Initialiser {
  return randomInitialiser(seed, (stream, out, variable) => {
    const { fanIn, fanOut } = fans(variable);
    const bound = Math.sqrt(6 / (fanIn + fanOut));
    stream.fillUniform(out);
    for (let i = 0; i < out.length; i++) out[i] = (2 * out[i]! - 1) * bound;
  });
}

/**
 * Returns an initialiser for nets with ReLUs: weights from N(0, 2 / fan-in), biases 0 (He et al. 2015, equation 10).
 */
export function heInitialiser({ seed }: { seed: number }): Initialiser {
  return randomInitialiser(seed, (stream, out, variable) => {
    scale(stream.fillNormal(out), Math.sqrt(2 / fans(variable).fanIn));
  });
}

/**
 * Returns an initialiser with weights 0, which is fast, for a net whose weights will be loaded. Such a net cannot
 * learn.
 */
export function zeroInitialiser(): Initialiser {
  return constant;
}

/** Layers that deeper nets take from A: its first four convolutions and the fully-connected layers. */
const FROM_A: ReadonlySet<string> = new Set(['1_1', '2_1', '3_1', '3_2', 'fc6', 'fc7', 'fc8']);

/**
 * Returns an initialiser for a deeper net with the weights of a trained A, exactly as in section 3.1: the first four
 * convolutions of A (conv1_1, conv2_1, conv3_1, conv3_2) and its fully-connected layers initialise the layers of the
 * same name. `rest` initialises all others. Batch norm is initialised like its convolution.
 *
 * @param weights variables of the trained net by name. They are shared, not copied, and the caller still owns them.
 * @throws VggError `VGG_WEIGHTS`, when a net is created, if A lacks a variable or has it in another shape.
 */
export function fromTrainedA({
  weights,
  rest,
}: {
  weights: ReadonlyMap<string, Tensor>;
  rest: Initialiser;
}): Initialiser {
  return (variable, allocate) => {
    if (!FROM_A.has(variable.layer.replace(/^(conv|bn)/, ''))) return rest(variable, allocate);
    const source = weights.get(variable.name);
    if (source === undefined) {
      const remedy = variable.layer.startsWith('bn')
        ? 'train A with batchNorm too'
        : 'pass the weights of a whole net A';
      throw new VggError(
        'weights',
        `pre-initialisation needs ${variable.name} of the trained A, which lacks it: ${remedy}`,
      );
    }
    if (source.shape.join() !== variable.shape.join()) {
      throw new VggError(
        'weights',
        `pre-initialisation expected ${variable.name} of shape [${variable.shape}], the trained A has [${source.shape}]: ` +
          'create both nets with the same width, head, inputSize and classes',
      );
    }
    return source;
  };
}
