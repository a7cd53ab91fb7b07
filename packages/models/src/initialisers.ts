/**
 * Where a net's first weights come from (section 3.1): normal with any sigma, Glorot, He, zeros, or a trained net A.
 * Every draw is addressed by (seed, variable name), so it does not depend on which other layers a net has.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { type RandomStream, randomStream, VggError } from '@vgg/core';
import type { VariableRole, VariableSpec } from './plan';

/**
 * Gives a variable its first values: as many numbers as its shape holds, in row-major order, or a float32 tensor of that
 * shape, which stays the caller's (the net shares its memory until either is written to or disposed).
 */
export type Initialiser = (variable: VariableSpec) => Float32Array | Tensor;

/** What the variables that are not weights start from: no shift, and batch norm as the identity. */
const CONSTANTS: Readonly<Record<Exclude<VariableRole, 'weight'>, number>> = {
  bias: 0,
  scale: 1,
  offset: 0,
  mean: 0,
  variance: 1,
};

function elements({ shape }: VariableSpec): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** An initialiser that draws weights with `draw` and sets everything else to its constant. */
function drawing(seed: number, draw: (stream: RandomStream, out: Float32Array, variable: VariableSpec) => void) {
  randomStream(seed, 'initialise'); // refuses a bad seed now, not at the first draw
  return (variable: VariableSpec): Float32Array => {
    const out = new Float32Array(elements(variable));
    if (variable.role === 'weight') draw(randomStream(seed, `initialise/${variable.name}`), out, variable);
    else if (CONSTANTS[variable.role] !== 0) out.fill(CONSTANTS[variable.role]);
    return out;
  };
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}

/** Numbers that feed one unit of the layer, and numbers that one input feeds: [h, w, in, out] or [in, out]. */
function fans({ shape }: VariableSpec): { fanIn: number; fanOut: number } {
  const receptive = shape.slice(0, -2).reduce((product, n) => product * n, 1);
  return { fanIn: receptive * shape.at(-2)!, fanOut: receptive * shape.at(-1)! };
}

/**
 * Weights from N(0, sigma²), biases 0. The paper's net A has sigma 0.1 (variance 1e-2, section 3.1), which diverges
 * easily at full width; reproductions use 0.01.
 *
 * @throws VggError `VGG_ARGUMENT` unless `sigma` is a number of at least 0 and `seed` an integer from 0 to 2^53 - 1.
 */
export function normalInitialiser({ seed, sigma = 0.01 }: { seed: number; sigma?: number }): Initialiser {
  if (!(sigma >= 0 && Number.isFinite(sigma))) {
    throw new VggError('argument', `sigma of the normal initialiser must be a number of at least 0, got ${sigma}`);
  }
  return drawing(seed, (stream, out) => scale(stream.fillNormal(out), sigma));
}

/**
 * Weights uniform in ±√(6 / (fan-in + fan-out)), biases 0: Glorot & Bengio 2010, equation 16, which the paper's section
 * 3.1 found to make pre-initialisation unnecessary.
 */
export function glorotInitialiser({ seed }: { seed: number }): Initialiser {
  return drawing(seed, (stream, out, variable) => {
    const { fanIn, fanOut } = fans(variable);
    const bound = Math.sqrt(6 / (fanIn + fanOut));
    stream.fillUniform(out);
    for (let i = 0; i < out.length; i++) out[i] = (2 * out[i]! - 1) * bound;
  });
}

/** Weights from N(0, 2 / fan-in), biases 0: He et al. 2015, equation 10, made for nets of ReLUs. */
export function heInitialiser({ seed }: { seed: number }): Initialiser {
  return drawing(seed, (stream, out, variable) => {
    scale(stream.fillNormal(out), Math.sqrt(2 / fans(variable).fanIn));
  });
}

/** All weights 0: costs nothing, for a net whose weights are about to be loaded. Such a net cannot learn. */
export function zeroInitialiser(): Initialiser {
  return drawing(0, () => {});
}

/** The layers that deeper nets take from A: its first four convolutions and the fully-connected layers. */
const FROM_A: ReadonlySet<string> = new Set(['1_1', '2_1', '3_1', '3_2', 'fc6', 'fc7', 'fc8']);

/**
 * Pre-initialisation of a deeper net from a trained A, exactly as section 3.1: the first four convolutions of A (conv1_1,
 * conv2_1, conv3_1, conv3_2) and its fully-connected layers go to the layers of the same name, everything else comes from
 * `rest`. With batch norm, its variables follow their convolution.
 *
 * @param weights the variables of the trained net, by name; they are shared, not copied, and stay the caller's.
 * @throws VggError `VGG_WEIGHTS`, when a net is made, if A lacks a variable or has it in another shape.
 */
export function fromTrainedA({
  weights,
  rest,
}: {
  weights: ReadonlyMap<string, Tensor>;
  rest: Initialiser;
}): Initialiser {
  return (variable) => {
    if (!FROM_A.has(variable.layer.replace(/^(conv|bn)/, ''))) return rest(variable);
    const source = weights.get(variable.name);
    if (source === undefined) {
      const remedy = variable.layer.startsWith('bn')
        ? 'train A with batchNorm too'
        : 'give the weights of a whole net A';
      throw new VggError(
        'weights',
        `pre-initialisation needs ${variable.name} of the trained A, which lacks it: ${remedy}`,
      );
    }
    if (source.shape.join() !== variable.shape.join()) {
      throw new VggError(
        'weights',
        `pre-initialisation expected ${variable.name} of shape [${variable.shape}], the trained A has [${source.shape}]: ` +
          'make both nets with the same width, head, inputSize and classes',
      );
    }
    return source;
  };
}
