/** The nets of the paper (section 2) as objects: variables, and what is computed from them. */
import {
  add,
  dispose,
  mul,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tidy,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';
import { type RandomStream, VggError } from '@vgg/core';
import { canonicalName, type Tap, tapNames } from './aliases';
import { type Walk, walkLayers } from './forward';
import { layersNamed } from './freezing';
import { heInitialiser, type Initialiser } from './initialisers';
import type { FreezableName } from './names';
import { type ResolvedVggOptions, resolveOptions, type VggOptions } from './options';
import { isLearned, type Layer, layerVariables, planLayers, type VariableSpec } from './plan';
import type { ConfigurationName } from './table';

export interface ApplyOptions<T extends string = Tap> {
  /** Dropout drops and batch norm uses this batch's statistics; the images count as constants. Default false. */
  training?: boolean;
  /** The random numbers of a dropout layer (`drop6`, `drop7`). Needed when training with dropout above 0. */
  dropout?: (layer: string) => RandomStream;
  /** Layers whose outputs are wanted too, by any of their names ({@link Tap}). */
  taps?: readonly T[];
}

export interface ApplyResult<T extends string = Tap> {
  /** Class scores before the soft-max, [n, classes]. */
  logits: Tensor2D;
  taps: Record<T, Tensor>;
  /** In training with batch norm: `bn1_1.mean` and `bn1_1.variance` (unbiased) of this batch, [channels] each; else empty. */
  batchStatistics: Record<string, Tensor1D>;
}

export interface DenseResult<T extends string = Tap> {
  /** Class scores before the soft-max at every position, [n, h', w', classes]. */
  scores: Tensor4D;
  taps: Record<T, Tensor>;
}

export interface Vgg<C extends ConfigurationName = ConfigurationName> {
  readonly options: ResolvedVggOptions<C>;

  /**
   * Every variable by its canonical name, in the order of the network: `conv1_1.weight` [3, 3, in, out], `conv1_1.bias`,
   * `bn1_1.scale`, `.offset`, `.mean`, `.variance`, ..., `fc6.weight` [in, out] where `in` runs over rows, columns and
   * channels of pool5. TF.js's own names of the variables are of no account, so that two nets may live side by side.
   */
  readonly variables: ReadonlyMap<string, Variable>;

  /** The variables that training changes: all but batch norm's running statistics and the frozen. */
  readonly trainable: ReadonlyMap<string, Variable>;

  /**
   * The classifier on images [n, inputSize, inputSize, 3], float32, the training set's mean RGB value subtracted.
   *
   * @throws VggError `VGG_SHAPE` for images of another shape or dtype; `VGG_ARGUMENT` for an unknown tap, for a net of head
   *   `none`, or when training with dropout above 0 without `options.dropout`.
   */
  apply<const T extends Tap<C> = never>(images: Tensor4D, options?: ApplyOptions<T>): ApplyResult<T>;

  /**
   * The fully-convolutional net of section 3.2, over the same variables: images [n, height, width, 3] with both sides at
   * least inputSize give class scores at floor(side / 32) - floor(inputSize / 32) + 1 positions per side.
   *
   * @throws VggError `VGG_SHAPE` for smaller images or another dtype; `VGG_ARGUMENT` for an unknown tap or a net of head
   *   `none`.
   */
  dense<const T extends Tap<C> = never>(images: Tensor4D, options?: { taps?: readonly T[] }): DenseResult<T>;

  /**
   * The outputs of the layers asked for, under the names asked by, and no further computation: the dense view, stopped at
   * the last of them. `poolN` and the layers up to the next pool take images of any sides of at least 2^N, fully-connected
   * layers sides of at least inputSize.
   * Differentiable in images.
   *
   * @throws VggError `VGG_SHAPE` for smaller images or another dtype; `VGG_ARGUMENT` for no tap or an unknown one.
   */
  features<const T extends Tap<C>>(images: Tensor4D, taps: readonly T[]): Record<T, Tensor>;

  /**
   * Moves batch norm's running statistics towards a step's, once per optimiser step: running = 0.9 · running + 0.1 · batch.
   *
   * @param batchStatistics the mean, over the step's micro-batches, of what `apply` gave; empty without batch norm.
   * @throws VggError `VGG_ARGUMENT` unless it has exactly the statistics of the layers that are not frozen.
   */
  updateStatistics(batchStatistics: Readonly<Record<string, Tensor1D>>): void;

  /**
   * Takes layers out of training: their variables leave `trainable`, get no gradient, and a batch norm among them keeps
   * and uses its running statistics. Freezing a convolution does not freeze its batch norm; freezing its stage does.
   *
   * @throws VggError `VGG_ARGUMENT` for a name that is no layer or group of this net, naming the nearest.
   */
  freeze(...names: readonly FreezableName<C>[]): void;

  /** Undoes {@link freeze}, by the same names. */
  unfreeze(...names: readonly FreezableName<C>[]): void;

  /**
   * Puts a new last layer fc8 for another number of classes in place of the old, whose variables are disposed: an optimiser
   * must forget what it kept for them. `options.classes` follows.
   *
   * @param initialiser where its weights come from; He's with seed 0 unless given.
   */
  replaceHead(classes: number, initialiser?: Initialiser): void;

  /** Frees every variable. The net is of no use afterwards: its methods throw VggError `VGG_STATE`. */
  dispose(): void;
}

/** How much of the running statistics one step replaces: PyTorch's momentum of 0.1. */
const STATISTICS_RATE = 0.1;

/**
 * Makes a net with its variables.
 *
 * @param initialiser where the first weights come from; He's with seed 0 unless given. When weights are about to be loaded,
 *   `zeroInitialiser()` saves drawing them.
 * @throws VggError `VGG_ARGUMENT` for bad options ({@link resolveOptions}), and whatever the initialiser throws.
 */
export function createVgg<const C extends ConfigurationName>(
  options: VggOptions<C>,
  initialiser: Initialiser = heInitialiser({ seed: 0 }),
): Vgg<C> {
  return new Network(resolveOptions(options), initialiser);
}

class Network<C extends ConfigurationName> implements Vgg<C> {
  readonly variables: Map<string, Variable>;
  #options: ResolvedVggOptions<C>;
  #layers: readonly Layer[];
  readonly #frozen = new Set<string>();
  #disposed = false;

  constructor(options: ResolvedVggOptions<C>, initialiser: Initialiser) {
    this.#options = options;
    this.#layers = planLayers(options);
    this.variables = makeVariables(this.#specs(), initialiser);
  }

  get options(): ResolvedVggOptions<C> {
    return this.#options;
  }

  get trainable(): ReadonlyMap<string, Variable> {
    return new Map([...this.variables].filter(([, { trainable }]) => trainable));
  }

  apply<const T extends Tap<C> = never>(images: Tensor4D, options: ApplyOptions<T> = {}): ApplyResult<T> {
    const { training = false, dropout, taps = [] } = options;
    const { inputSize, dropout: rate } = this.#options;
    this.#checkHead('apply()');
    const [, height, width] = this.#check(images);
    const names = this.#canonical(taps);
    if (height !== inputSize || width !== inputSize) {
      throw new VggError(
        'shape',
        `the classifier needs images of ${inputSize} x ${inputSize}, got ${height} x ${width}: crop them, or use dense()`,
      );
    }
    if (training && rate > 0 && dropout === undefined) {
      throw new VggError(
        'argument',
        'training with dropout needs a random stream per layer, got none: give options.dropout',
      );
    }
    const mode = training ? { rate, stream: dropout } : undefined;
    const result = this.#walk(images, ['fc8', ...names.values()], { dense: false, training: mode });
    return {
      logits: result.taps.fc8 as Tensor2D,
      taps: pick(result.taps, names),
      batchStatistics: result.batchStatistics,
    };
  }

  dense<const T extends Tap<C> = never>(images: Tensor4D, options: { taps?: readonly T[] } = {}): DenseResult<T> {
    const { taps = [] } = options;
    const { inputSize } = this.#options;
    this.#checkHead('dense()');
    const [, height, width] = this.#check(images);
    const names = this.#canonical(taps);
    if (height < inputSize || width < inputSize) throw tooSmall('dense evaluation', inputSize, height, width);
    const result = this.#walk(images, ['fc8', ...names.values()], { dense: true });
    return { scores: result.taps.fc8 as Tensor4D, taps: pick(result.taps, names) };
  }

  features<const T extends Tap<C>>(images: Tensor4D, taps: readonly T[]): Record<T, Tensor> {
    const [, height, width] = this.#check(images);
    if (taps.length === 0) throw new VggError('argument', 'expected the names of layers to tap, got none');
    const names = this.#canonical(taps);
    const asked = [...names.values()];
    const deepest = this.#layers.filter(({ name }) => asked.includes(name)).at(-1)!;
    const poolings = deepest.kind === 'maxPool' ? deepest.stage : deepest.stage - 1;
    const least = deepest.stage === 6 ? this.#options.inputSize : 2 ** poolings;
    if (height < least || width < least) throw tooSmall(deepest.name, least, height, width);
    return pick(this.#walk(images, asked, { dense: true }).taps, names);
  }

  updateStatistics(batchStatistics: Readonly<Record<string, Tensor1D>>): void {
    this.#checkUsable();
    const expected = this.#specs().filter((spec) => !isLearned(spec) && !this.#frozen.has(spec.layer));
    const missing = expected.find(({ name }) => !(name in batchStatistics));
    const unknown = Object.keys(batchStatistics).find((name) => !expected.some((spec) => spec.name === name));
    if (missing !== undefined || unknown !== undefined) {
      const came = missing ? `${missing.name} is missing` : `${unknown} is not one`;
      throw new VggError('argument', `expected statistics of every batch norm in training and no other: ${came}`);
    }
    for (const { name } of expected) {
      const running = this.variables.get(name)!;
      tidy(() => {
        running.assign(add(mul(running, 1 - STATISTICS_RATE), mul(batchStatistics[name]!, STATISTICS_RATE)));
      });
    }
  }

  freeze(...names: readonly FreezableName<C>[]): void {
    this.#checkUsable();
    for (const layer of layersNamed(this.options, names)) this.#frozen.add(layer);
    this.#markTrainable();
  }

  unfreeze(...names: readonly FreezableName<C>[]): void {
    this.#checkUsable();
    for (const layer of layersNamed(this.options, names)) this.#frozen.delete(layer);
    this.#markTrainable();
  }

  replaceHead(classes: number, initialiser: Initialiser = heInitialiser({ seed: 0 })): void {
    this.#checkHead('replaceHead()');
    const options = resolveOptions<C>({ ...this.#options, classes });
    const layers = planLayers(options);
    const specs = layers.flatMap(layerVariables).filter(({ layer }) => layer === 'fc8');
    const made = makeVariables(specs, initialiser);
    for (const [name, replacement] of made) {
      this.variables.get(name)!.dispose();
      this.variables.set(name, replacement);
    }
    this.#options = options;
    this.#layers = layers;
    this.#markTrainable();
  }

  dispose(): void {
    for (const held of this.variables.values()) held.dispose();
    this.variables.clear();
    this.#disposed = true;
  }

  #specs(): VariableSpec[] {
    return this.#layers.flatMap(layerVariables);
  }

  #walk(images: Tensor4D, taps: readonly string[], how: Pick<Walk, 'dense' | 'training'>) {
    const { variables } = this;
    return walkLayers(images, { layers: this.#layers, variables, frozen: this.#frozen, taps: new Set(taps), ...how });
  }

  /** The layers that a list of layers and groups stands for. */
  #markTrainable(): void {
    for (const spec of this.#specs()) {
      this.variables.get(spec.name)!.trainable = isLearned(spec) && !this.#frozen.has(spec.layer);
    }
  }

  #checkUsable(): void {
    if (this.#disposed) throw new VggError('state', 'expected a living net, got one that was disposed: make another');
  }

  #checkHead(what: string): void {
    this.#checkUsable();
    if (this.#options.head !== 'none') return;
    throw new VggError(
      'argument',
      `${what} needs class scores, which a net with head "none" lacks: use features(), or make it with another head`,
    );
  }

  /** The layers that taps name, by the names asked by. */
  #canonical<T extends string>(taps: readonly T[]): ReadonlyMap<T, string> {
    const names = tapNames(this.#layers, this.#options.configuration);
    return new Map(taps.map((tap) => [tap, canonicalName(names, tap)]));
  }

  /** Checks what every computation needs and gives the images' shape. */
  #check(images: Tensor4D): Tensor4D['shape'] {
    this.#checkUsable();
    if (images.rank !== 4 || images.shape[3] !== 3 || images.dtype !== 'float32' || images.shape[0] === 0) {
      throw new VggError(
        'shape',
        `expected float32 images [n, height, width, 3] with n at least 1, got ${images.dtype} [${images.shape}]`,
      );
    }
    return images.shape;
  }
}

function tooSmall(what: string, least: number, height: number, width: number): VggError {
  const [side, got] = height < least ? ['height', height] : ['width', width];
  return new VggError(
    'shape',
    `${what} needs ${side} ≥ ${least}, got ${got}: rescale the image to a smallest side ≥ ${least}`,
  );
}

/** Computed layers under the names asked by: two names of one layer share its tensor. */
function pick<T extends string>(computed: Record<string, Tensor>, names: ReadonlyMap<T, string>): Record<T, Tensor> {
  return Object.fromEntries([...names].map(([asked, layer]) => [asked, computed[layer]!])) as Record<T, Tensor>;
}

/** New variables by name; none is left when the initialiser fails on one. */
function makeVariables(specs: readonly VariableSpec[], initialiser: Initialiser): Map<string, Variable> {
  const made = new Map<string, Variable>();
  try {
    for (const spec of specs) made.set(spec.name, makeVariable(spec, initialiser));
  } catch (error) {
    dispose([...made.values()]);
    throw error;
  }
  return made;
}

/** A new variable, with the values checked. The initialiser's tensor, if it gave one, stays its own. */
function makeVariable(spec: VariableSpec, initialiser: Initialiser): Variable {
  const values = initialiser(spec);
  const shape = [...spec.shape];
  if (values instanceof Float32Array) {
    const expected = shape.reduce((product, n) => product * n, 1);
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
