/** The forward passes of evaluation: views in batches of bounded size through each net, to one posterior per look. */
import { div, mean, sub, type Tensor4D, tensor1d, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { type EvaluatedNet, type Look, type Plan, PROTOCOL_LOOKS, type Protocol } from './protocol';
import { type View, viewsOf } from './views';

/** An image in memory and what errors call it. */
export interface LoadedImage {
  readonly key: string;
  readonly image: RawImage;
}

export interface ScoreOptions {
  /** The most pixels of one forward pass, except that one view always fits. */
  readonly batchPixels: number;
  readonly signal: AbortSignal | undefined;
  /** Called after each forward pass with the number of views in it. */
  onBatch(views: number): void | Promise<void>;
}

/** The mean posterior of one image for each net, scale and look, before they are combined. */
export class Posteriors {
  readonly #classes: number;
  readonly #sums = new Map<string, { sum: Float64Array; views: number }>();

  constructor(classes: number) {
    this.#classes = classes;
  }

  add(net: string, scale: number, look: Look, posterior: Float64Array): void {
    const key = JSON.stringify([net, scale, look]);
    const entry = this.#sums.get(key) ?? { sum: new Float64Array(this.#classes), views: 0 };
    for (let i = 0; i < posterior.length; i++) entry.sum[i]! += posterior[i]!;
    entry.views += 1;
    this.#sums.set(key, entry);
  }

  /** The mean over nets, over scales and over the protocol's looks (section 3.2); it sums to 1. */
  combine(nets: readonly string[], protocol: Protocol, scales: readonly number[]): Float64Array {
    const combined = new Float64Array(this.#classes);
    const looks = PROTOCOL_LOOKS[protocol];
    const parts = nets.length * scales.length * looks.length;
    for (const net of nets) {
      for (const scale of scales) {
        for (const look of looks) {
          const { sum, views } = this.#sums.get(JSON.stringify([net, scale, look]))!;
          for (let i = 0; i < combined.length; i++) combined[i]! += sum[i]! / (views * parts);
        }
      }
    }
    return combined;
  }
}

/** Soft-max of `scores` in float64. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) max = Math.max(max, scores[i]!);
  const posterior = Float64Array.from(scores, (score) => Math.exp(score - max));
  const sum = posterior.reduce((total, value) => total + value, 0);
  return posterior.map((value) => value / sum);
}

/** Images of 0..255 as the net takes them. */
export function normalised({ mean: rgb, std = [1, 1, 1] }: EvaluatedNet, images: Tensor4D): Tensor4D {
  const centred = sub(images, tensor1d([...rgb])) as Tensor4D;
  return std.every((value) => value === 1) ? centred : (div(centred, tensor1d([...std])) as Tensor4D);
}

/** One score vector for each view: the logits of a crop, or the spatial mean of the dense map. */
async function classScores(net: EvaluatedNet, images: Tensor4D, dense: boolean): Promise<Float32Array> {
  const { model } = net;
  const scores = tidy(() => {
    const input = normalised(net, images);
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

/** Views that one forward pass can take together: of one size, all dense or all crops. */
function groupBySize(tasks: readonly Task[]): Task[][] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const { look, width, height } = task.view;
    const key = `${look === 'dense'} ${width} ${height}`;
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return [...groups.values()];
}

function stack(tasks: readonly Task[]): Tensor4D {
  const { width, height } = tasks[0]!.view;
  const pixels = new Float32Array(tasks.length * height * width * 3);
  tasks.forEach(({ view }, i) => {
    pixels.set(view.pixels(), i * height * width * 3);
  });
  return tensor4d(pixels, [tasks.length, height, width, 3]);
}

/** Lets timers, input and output have their turn. */
function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}

/**
 * Passes images through the nets as the plan says. Every image is rescaled once a scale, every view passes once through
 * each net, whatever number of protocols and nets share it.
 *
 * @throws VggError `VGG_NON_FINITE` when a class score is not a finite number; what `signal` aborts with.
 */
export async function scoreImages(
  images: readonly LoadedImage[],
  plan: Plan,
  { batchPixels, signal, onBatch }: ScoreOptions,
): Promise<Posteriors[]> {
  const { classes } = plan.nets[0]!.model.options;
  const results = images.map(() => new Posteriors(classes));
  for (const scale of plan.scales) {
    const tasks = images.flatMap(({ image }, index) => viewsOf(image, scale, plan).map((view) => ({ view, index })));
    for (const group of groupBySize(tasks)) {
      const { look, width, height } = group[0]!.view;
      const nets = plan.nets.filter(({ model }) => look === 'dense' || model.options.inputSize === width);
      const batch = Math.max(1, Math.floor(batchPixels / (width * height)));
      for (let start = 0; start < group.length; start += batch) {
        const part = group.slice(start, start + batch);
        const input = stack(part);
        try {
          for (const net of nets) {
            signal?.throwIfAborted();
            const scores = await classScores(net, input, look === 'dense');
            part.forEach(({ view, index }, i) => {
              const own = scores.subarray(i * classes, (i + 1) * classes);
              if (!own.every(Number.isFinite)) throw notFinite(net.name, images[index]!.key);
              results[index]!.add(net.name, scale, view.look, softmax(own));
            });
            await yieldToEventLoop();
            await onBatch(part.length);
          }
        } finally {
          input.dispose();
        }
      }
    }
  }
  return results;
}

function notFinite(net: string, key: string): VggError {
  return new VggError(
    'nonFinite',
    `net ${net} gives class scores that are not finite for ${key}: its training diverged or its weights are damaged`,
  );
}
