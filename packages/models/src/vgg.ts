/** The nets of the paper (section 2): variables and the computations with them. */
import {
  add,
  mul,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import { type RandomStream, VggError } from '@vgg/core';
import { canonicalName, type Tap, tapNames } from './aliases';
import { type Walk, walkLayers } from './forward';
import { layersNamed } from './freezing';
import { heInitialiser, type Initialiser } from './initialisers';
import type { FreezableName } from './names';
import { inputShape, type ResolvedVggOptions, resolveOptions, type VggOptions } from './options';
import { isLearned, type Layer, layerVariables, planLayers, type VariableSpec } from './plan';
import type { Configuration } from './table';
import { makeVariables } from './variables';

export interface ApplyOptions<T extends string = Tap> {
  /** Activates dropout and batch norm by this batch's statistics; the images have no gradient. Default false. */
  training?: boolean | undefined;
  /** Returns the random stream of a dropout layer (`drop6`, `drop7`). Required in training with dropout above 0. */
  dropout?: ((layer: string) => RandomStream) | undefined;
  /** Layers whose outputs are returned too, by any of their names ({@link Tap}). */
  taps?: readonly T[] | undefined;
}

export interface ApplyResult<T extends string = Tap> {
  /** Class scores before the soft-max, [n, classes]. */
  logits: Tensor2D;
  /** Outputs of the layers, by the requested names. */
  taps: Record<T, Tensor>;
  /**
   * Statistics of this batch in training with batch norm: `bn1_1.mean`, `bn1_1.variance` (unbiased), ..., [channels]
   * each. Otherwise empty.
   */
  batchStatistics: Record<string, Tensor1D>;
}

export interface DenseResult<T extends string = Tap> {
  /** Class scores before the soft-max at every position, [n, h', w', classes]. */
  scores: Tensor4D;
  taps: Record<T, Tensor>;
}

export interface Vgg<C extends Configuration = Configuration> {
  readonly options: ResolvedVggOptions<C>;

  /**
   * All variables by canonical name, in the order of the net: `conv1_1.weight` [3, 3, in, out], `conv1_1.bias`,
   * `bn1_1.scale`, `.offset`, `.mean`, `.variance`, ..., `fc6.weight` [in, out] where `in` runs over rows, columns and
   * channels of pool5. TF.js variable names are not used, so several nets can exist at once.
   */
  readonly variables: ReadonlyMap<string, Variable>;

  /** Variables that training changes: all except batch norm's running statistics and those of frozen layers. */
  readonly trainable: ReadonlyMap<string, Variable>;

  /**
   * Classifies images [n, height, width, channels] of the input size: float32, with the training set's mean RGB value
   * subtracted.
   *
   * @throws VggError `VGG_SHAPE` for images of another shape or dtype; `VGG_ARGUMENT` for an unknown tap, for a net
   *   with head `none`, or in training with dropout above 0 without `options.dropout`.
   */
  apply<const T extends Tap<C> = never>(images: Tensor4D, options?: ApplyOptions<T>): ApplyResult<T>;

  /**
   * Computes the fully-convolutional net of section 3.2 with the same variables. Images [n, height, width, channels] with
   * sides of at least inputSize give class scores at floor(side / s) - floor(inputSize / s) + 1 positions per side, where
   * s is 32, with a table 2 to the number of its max-pools.
   *
   * @throws VggError `VGG_SHAPE` for smaller images or another dtype; `VGG_ARGUMENT` for an unknown tap or a net with
   *   head `none`.
   */
  dense<const T extends Tap<C> = never>(
    images: Tensor4D,
    options?: { taps?: readonly T[] | undefined },
  ): DenseResult<T>;

  /**
   * Computes the outputs of layers in the dense view, by the requested names, and stops at the last of them. For
   * `poolN` and the layers up to the next pool, the sides of the images are at least 2^N; for fully-connected layers,
   * at least inputSize. Differentiable in the images.
   *
   * @throws VggError `VGG_SHAPE` for smaller images or another dtype; `VGG_ARGUMENT` for no tap or an unknown one.
   */
  features<const T extends Tap<C>>(images: Tensor4D, taps: readonly T[]): Record<T, Tensor>;

  /**
   * Computes the class scores of the dense view, [n, h', w', classes], from the output of a layer that `features` or `dense`
   * returned. Differentiable in that output, as Grad-CAM needs.
   *
   * @throws VggError `VGG_ARGUMENT` for an unknown layer, fc8, a later one, or a net with head `none`; `VGG_SHAPE` for an output
   *   that is not of that layer, or is too small for the classifier.
   */
  scoresFrom(layer: Tap<C>, output: Tensor): Tensor4D;

  /**
   * Updates batch norm's running statistics, once per optimiser step: running = 0.9 · running + 0.1 · batch.
   *
   * @param batchStatistics mean of the statistics that `apply` returned for the micro-batches; empty without batch
   *   norm.
   * @throws VggError `VGG_ARGUMENT` unless it has exactly the statistics of the layers that are not frozen.
   */
  updateStatistics(batchStatistics: Readonly<Record<string, Tensor1D>>): void;

  /**
   * Excludes layers from training: their variables are not in `trainable` and get no gradient, and frozen batch norm
   * uses its running statistics and does not change them. Freezing a convolution does not freeze its batch norm;
   * freezing its stage does.
   *
   * @throws VggError `VGG_ARGUMENT` for a name that is not a layer or group of this net, naming the nearest.
   */
  freeze(...names: readonly FreezableName<C>[]): void;

  /** Includes layers in training again, by the names of {@link freeze}. */
  unfreeze(...names: readonly FreezableName<C>[]): void;

  /**
   * Replaces the last layer fc8 by one for another number of classes and updates `options.classes`. The old variables
   * are disposed, so an optimiser must not keep velocities for them.
   *
   * @param initialiser initialiser of its weights. Default `heInitialiser({ seed: 0 })`.
   */
  replaceHead(classes: number, initialiser?: Initialiser): void;

  /** Disposes all variables. Afterwards the methods of the net throw VggError `VGG_STATE`. */
  dispose(): void;
}

/** Weight of a batch in the running statistics: PyTorch's momentum of 0.1. */
const STATISTICS_RATE = 0.1;

/**
 * Creates a net.
 *
 * @param initialiser initialiser of the weights; `zeroInitialiser()` saves time if weights will be loaded. Default
 *   `heInitialiser({ seed: 0 })`.
 * @throws VggError `VGG_ARGUMENT` for bad options ({@link resolveOptions}), and the errors of the initialiser.
 */
export function createVgg<const C extends Configuration>(
  options: VggOptions<C>,
  initialiser: Initialiser = heInitialiser({ seed: 0 }),
): Vgg<C> {
  return new Network(resolveOptions(options), initialiser);
}

class Network<C extends Configuration> implements Vgg<C> {
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
    const { dropout: rate } = this.#options;
    const [inputHeight, inputWidth] = inputShape(this.#options);
    this.#checkHead('apply()');
    const [, height, width] = this.#check(images);
    const names = this.#canonical(taps);
    if (height !== inputHeight || width !== inputWidth) {
      throw new VggError(
        'shape',
        `the classifier needs images of ${inputHeight} x ${inputWidth}, got ${height} x ${width}: crop them, or use dense()`,
      );
    }
    if (training && rate > 0 && dropout === undefined) {
      throw new VggError(
        'argument',
        'training with dropout needs a random stream per layer, got none: pass options.dropout',
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

  dense<const T extends Tap<C> = never>(
    images: Tensor4D,
    options: { taps?: readonly T[] | undefined } = {},
  ): DenseResult<T> {
    const { taps = [] } = options;
    const [inputHeight, inputWidth] = inputShape(this.#options);
    this.#checkHead('dense()');
    const shape = this.#check(images);
    const names = this.#canonical(taps);
    checkLarge('dense evaluation', shape, inputHeight, inputWidth);
    const result = this.#walk(images, ['fc8', ...names.values()], { dense: true });
    return { scores: result.taps.fc8 as Tensor4D, taps: pick(result.taps, names) };
  }

  features<const T extends Tap<C>>(images: Tensor4D, taps: readonly T[]): Record<T, Tensor> {
    const shape = this.#check(images);
    if (taps.length === 0) throw new VggError('argument', 'expected the names of layers to tap, got none');
    const names = this.#canonical(taps);
    const layers = [...names.values()];
    const depth = this.#layers.map(({ name }) => layers.includes(name)).lastIndexOf(true);
    const { name, part } = this.#layers[depth]!;
    const poolings = this.#layers.slice(0, depth + 1).filter(({ kind }) => kind === 'maxPool').length;
    const [inputHeight, inputWidth] = inputShape(this.#options);
    if (part === 'classifier') checkLarge(name, shape, inputHeight, inputWidth);
    else checkLarge(name, shape, 2 ** poolings, 2 ** poolings);
    return pick(this.#walk(images, layers, { dense: true }).taps, names);
  }

  scoresFrom(layer: Tap<C>, output: Tensor): Tensor4D {
    this.#checkHead('scoresFrom()');
    const name = this.#canonical([layer]).get(layer);
    const start = this.#layers.findIndex((known) => known.name === name) + 1;
    checkOutput(layer, output, this.#layers.slice(0, start), this.#layers.slice(start));
    return this.#walk(output, ['fc8'], { dense: true, start }).taps.fc8 as Tensor4D;
  }

  updateStatistics(batchStatistics: Readonly<Record<string, Tensor1D>>): void {
    this.#checkUsable();
    const expected = this.#specs().filter((spec) => !isLearned(spec) && !this.#frozen.has(spec.layer));
    const missing = expected.find(({ name }) => !(name in batchStatistics));
    const unknown = Object.keys(batchStatistics).find((name) => !expected.some((spec) => spec.name === name));
    if (missing !== undefined || unknown !== undefined) {
      const difference = missing ? `${missing.name} is missing` : `${unknown} is not one`;
      throw new VggError('argument', `expected statistics of every batch norm in training and no other: ${difference}`);
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
    for (const [name, replacement] of makeVariables(specs, initialiser)) {
      this.variables.get(name)!.dispose();
      this.variables.set(name, replacement);
    }
    this.#options = options;
    this.#layers = layers;
    this.#markTrainable();
  }

  dispose(): void {
    for (const value of this.variables.values()) value.dispose();
    this.variables.clear();
    this.#disposed = true;
  }

  #specs(): VariableSpec[] {
    return this.#layers.flatMap(layerVariables);
  }

  #walk(input: Tensor, taps: readonly string[], mode: Pick<Walk, 'dense' | 'training' | 'start'>) {
    const { variables } = this;
    return walkLayers(input, { layers: this.#layers, variables, frozen: this.#frozen, taps: new Set(taps), ...mode });
  }

  /** Sets TF.js's `trainable` flag of every variable: false for running statistics and frozen layers. */
  #markTrainable(): void {
    for (const spec of this.#specs()) {
      this.variables.get(spec.name)!.trainable = isLearned(spec) && !this.#frozen.has(spec.layer);
    }
  }

  #checkUsable(): void {
    if (this.#disposed) throw new VggError('state', 'this net has been disposed: create a new one');
  }

  #checkHead(caller: string): void {
    this.#checkUsable();
    if (this.#options.head !== 'none') return;
    throw new VggError(
      'argument',
      `${caller} needs class scores, which a net with head "none" lacks: use features(), or create it with another head`,
    );
  }

  /** Returns the canonical names of taps, by their requested names. */
  #canonical<T extends string>(taps: readonly T[]): ReadonlyMap<T, string> {
    const names = tapNames(this.#layers, this.#options.configuration);
    return new Map(taps.map((tap) => [tap, canonicalName(names, tap)]));
  }

  /** Checks net and images before a computation and returns the images' shape. */
  #check(images: Tensor4D): Tensor4D['shape'] {
    this.#checkUsable();
    const [, , channels] = inputShape(this.#options);
    if (images.rank !== 4 || images.shape[3] !== channels || images.dtype !== 'float32' || images.shape[0] === 0) {
      const isChannelsFirst = images.rank === 4 && images.shape[3] !== channels && images.shape[1] === channels;
      const order = isChannelsFirst ? ': transpose them, [0, 2, 3, 1], as their channels come first' : '';
      throw new VggError(
        'shape',
        `expected float32 images [n, height, width, ${channels}] with n at least 1, got ${images.dtype} [${images.shape}]${order}`,
      );
    }
    return images.shape;
  }
}

/** Throws VggError `VGG_SHAPE` unless images [n, height, width, channels] have sides of at least `minHeight` and `minWidth`. */
function checkLarge(purpose: string, images: readonly number[], minHeight: number, minWidth: number): void {
  const [, height, width] = images as Tensor4D['shape'];
  if (height >= minHeight && width >= minWidth) return;
  const difference = height < minHeight ? `height ≥ ${minHeight}, got ${height}` : `width ≥ ${minWidth}, got ${width}`;
  const least = Math.max(minHeight, minWidth);
  throw new VggError('shape', `${purpose} needs ${difference}: rescale the image to a smallest side ≥ ${least}`);
}

/** Checks the output of a layer, the last of `before`, from which the layers `after` compute class scores in the dense view. */
function checkOutput(
  layer: string,
  { rank, shape, dtype }: Tensor,
  before: readonly Layer[],
  after: readonly Layer[],
): void {
  const connected = after.find((next) => next.kind === 'fullyConnected');
  if (connected === undefined) {
    throw new VggError('argument', `expected a layer before the class scores, got ${layer}: take one before fc8`);
  }
  const channels = before.flatMap((known) => ('outputs' in known ? [known.outputs] : [])).at(-1);
  const factor = 2 ** after.filter(({ kind }) => kind === 'maxPool').length;
  const [height, width] = connected.window.map((side) => side * factor) as [number, number];
  const [, rows, columns] = shape as Tensor4D['shape'];
  const isOwn = rank === 4 && dtype === 'float32' && (channels ?? shape[3]) === shape[3];
  if (isOwn && rows >= height && columns >= width) return;
  throw new VggError(
    'shape',
    `expected the output of ${layer}, float32 [n, h ≥ ${height}, w ≥ ${width}, ${channels ?? 'channels'}], got ${dtype} [${shape}]: take it from features()`,
  );
}

/** Returns computed layers by their requested names. Two names of one layer share its tensor. */
function pick<T extends string>(computed: Record<string, Tensor>, names: ReadonlyMap<T, string>): Record<T, Tensor> {
  return Object.fromEntries([...names].map(([tap, layer]) => [tap, computed[layer]!])) as Record<T, Tensor>;
}
