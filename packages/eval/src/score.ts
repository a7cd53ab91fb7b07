/** Forward passes of evaluation: batches of views, bounded in size, through each net, to one posterior per kind of view. */
import { div, mean, mul, sub, sum, type Tensor4D, tensor1d, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError, yieldToEventLoop } from '@vgg/core';
import { GREY, type RawImage } from '@vgg/data';
import {
  allScales,
  type EvaluatedNet,
  inputSides,
  type Plan,
  PROTOCOL_VIEWS,
  type Protocol,
  scalesOf,
  type ViewKind,
} from './protocol';
import { type View, viewsOf } from './views';

/** Image in memory. */
export interface LoadedImage {
  /** Name of the image in errors. */
  readonly key: string;
  /** Returns the image as it was decoded for a scale. */
  readonly at: (scale: number) => RawImage;
}

export interface ScoreOptions {
  /** Largest number of pixels in one forward pass; a single view may have more. */
  readonly batchPixels: number;
  readonly signal: AbortSignal | undefined;
  /** Receives the number of views in each forward pass, equal ones included, after the pass. */
  onBatch(views: number): void | Promise<void>;
}

/** Sum of the posteriors of some views of one image. */
export interface PosteriorSum {
  /** [classes]. */
  readonly sum: Float64Array;
  readonly views: number;
}

/** Posteriors of one image, averaged for each net, scale and kind of view. */
export class Posteriors {
  readonly #classes: number;
  readonly #sums: Map<string, PosteriorSum>;

  constructor(classes: number, sums: Iterable<readonly [string, PosteriorSum]> = []) {
    this.#classes = classes;
    this.#sums = new Map(sums);
  }

  /** Sums by net, scale and kind of view, from which the constructor makes the same posteriors. */
  get sums(): ReadonlyMap<string, PosteriorSum> {
    return this.#sums;
  }

  /** Adds the posterior of a view that stands for `count` equal ones. */
  add(net: string, scale: number, kind: ViewKind, posterior: Float64Array, count = 1): void {
    const key = JSON.stringify([net, scale, kind]);
    const { sum, views } = this.#sums.get(key) ?? { sum: new Float64Array(this.#classes), views: 0 };
    for (let i = 0; i < posterior.length; i++) sum[i]! += count * posterior[i]!;
    this.#sums.set(key, { sum, views: views + count });
  }

  /**
   * Returns the mean over nets, scales and the protocol's kinds of views (section 3.2); it sums to 1.
   * @param scales every Q, of all nets or of each net by its name.
   */
  combine(
    nets: readonly string[],
    protocol: Protocol,
    scales: readonly number[] | ReadonlyMap<string, readonly number[]>,
  ): Float64Array {
    const combined = new Float64Array(this.#classes);
    const kinds = PROTOCOL_VIEWS[protocol];
    for (const net of nets) {
      const own = 'get' in scales ? scales.get(net)! : scales;
      const parts = nets.length * own.length * kinds.length;
      for (const scale of own) {
        for (const kind of kinds) {
          const { sum, views } = this.#sums.get(JSON.stringify([net, scale, kind]))!;
          for (let i = 0; i < combined.length; i++) combined[i]! += sum[i]! / (views * parts);
        }
      }
    }
    return combined;
  }
}

/** Computes the soft-max of `scores` in float64. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) max = Math.max(max, scores[i]!);
  const posterior = Float64Array.from(scores, (score) => Math.exp(score - max));
  const sum = posterior.reduce((total, value) => total + value, 0);
  return posterior.map((value) => value / sum);
}

/**
 * Subtracts the net's mean from RGB images on the 0..255 scale and divides by its standard deviation. The result has the
 * channels of the net.
 */
export function normalise({ mean: rgb, std = [1, 1, 1], model }: EvaluatedNet, images: Tensor4D): Tensor4D {
  const difference = sub(images, tensor1d([...rgb])) as Tensor4D;
  const colours = std.every((value) => value === 1) ? difference : (div(difference, tensor1d([...std])) as Tensor4D);
  return model.options.channels === 1 ? (sum(mul(colours, tensor1d([...GREY])), 3, true) as Tensor4D) : colours;
}

/** Computes one score vector for each view: the logits of a crop, or the spatial mean of the map of class scores. */
async function classScores(net: EvaluatedNet, images: Tensor4D, dense: boolean): Promise<Float32Array> {
  const { model } = net;
  const scores = tidy(() => {
    const input = normalise(net, images);
    return dense ? mean(model.dense(input).scores, [1, 2]) : model.apply(input).logits;
  });
  try {
    return (await scores.data()) as Float32Array;
  } finally {
    scores.dispose();
  }
}

interface Task {
  readonly view: View;
  readonly index: number;
}

/** Groups views that can share a forward pass: views of one size, either whole images or crops. */
function groupBySize(tasks: readonly Task[]): Task[][] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const { kind, width, height } = task.view;
    const key = `${kind === 'dense'} ${width} ${height}`;
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return [...groups.values()];
}

function stack(tasks: readonly Task[]): Tensor4D {
  const { width, height } = tasks[0]!.view;
  const length = height * width * 3;
  const pixels = new Float32Array(tasks.length * length);
  tasks.forEach(({ view }, i) => {
    view.write(pixels.subarray(i * length, (i + 1) * length));
  });
  return tensor4d(pixels, [tasks.length, height, width, 3]);
}

/** Views of one size at one scale that share a forward pass, and the nets that take them. */
interface Batch {
  readonly scale: number;
  readonly tasks: readonly Task[];
  readonly nets: readonly EvaluatedNet[];
}

/** Yields the forward passes of a plan in order. The images of one scale are in memory at a time. */
function* batchesOf(images: readonly LoadedImage[], plan: Plan, batchPixels: number): Generator<Batch> {
  for (const scale of allScales(plan.nets, plan)) {
    const atScale: Plan = { ...plan, nets: plan.nets.filter((net) => scalesOf(net, plan).includes(scale)) };
    const tasks = images.flatMap(({ at }, index) =>
      viewsOf(at(scale), scale, atScale).map((view) => ({ view, index })),
    );
    for (const group of groupBySize(tasks)) {
      const { kind, width, height } = group[0]!.view;
      const nets = atScale.nets.filter(({ model }) => {
        const sides = inputSides(model);
        return kind === 'dense' || (sides.width === width && sides.height === height);
      });
      const length = Math.max(1, Math.floor(batchPixels / (width * height)));
      for (let start = 0; start < group.length; start += length) {
        yield { scale, tasks: group.slice(start, start + length), nets };
      }
    }
  }
}

/**
 * Passes images through the nets of a plan. Every image is rescaled once per scale, and every view passes once through
 * each net, however many protocols and nets share it; of equal crops, one. Two passes are begun at a time: while the engine
 * computes one, the views of the next are prepared.
 *
 * @throws VggError `VGG_NON_FINITE` when a class score is not a finite number; the reason of `signal` when it is aborted.
 */
export async function scoreImages(
  images: readonly LoadedImage[],
  plan: Plan,
  { batchPixels, signal, onBatch }: ScoreOptions,
): Promise<Posteriors[]> {
  const { classes } = plan.nets[0]!.model.options;
  const results = images.map(() => new Posteriors(classes));
  const record = async (
    before: Promise<void>,
    net: EvaluatedNet,
    { tasks, scale }: Batch,
    scores: Promise<Float32Array>,
  ) => {
    const all = await scores;
    await before;
    tasks.forEach(({ view, index }, i) => {
      const own = all.subarray(i * classes, (i + 1) * classes);
      if (!own.every(Number.isFinite)) throw notFinite(net.name, images[index]!.key);
      results[index]!.add(net.name, scale, view.kind, softmax(own), view.count);
    });
    await onBatch(tasks.reduce((sum, { view }) => sum + view.count, 0));
  };
  let last: Promise<void> = Promise.resolve();
  try {
    for (const batch of batchesOf(images, plan, batchPixels)) {
      const input = stack(batch.tasks);
      try {
        for (const net of batch.nets) {
          signal?.throwIfAborted();
          const before = last;
          last = record(before, net, batch, classScores(net, input, batch.tasks[0]!.view.kind === 'dense'));
          last.catch(() => {}); // The error is thrown when its turn comes; without this, Node reports it as unhandled.
          await before;
          await yieldToEventLoop();
        }
      } finally {
        input.dispose();
      }
    }
  } finally {
    await last;
  }
  return results;
}

function notFinite(net: string, key: string): VggError {
  return new VggError(
    'nonFinite',
    `net ${net} gives class scores that are not finite for ${key}: its training diverged or its weights are damaged`,
  );
}
