/** Posteriors of a net on the validation images, from which errors, fusions and paired tests follow without another pass. */
import { VggError } from '@vgg/core';
import { type Outcomes, type Protocol, topClasses, topK } from '@vgg/eval';
import { parseSafetensors, serialiseSafetensors } from '@vgg/weights';

/** Test scales: the single Q of Table 3, or the several of Table 4. */
export type TestScales = 'single' | 'multi';

/** Protocol at one or several test scales. */
export type Measure = `${Protocol}:${TestScales}`;

/** Posteriors under one measure, image after image. */
type Posteriors = Float32Array;

/** Posteriors of a net on images in the order of the study. */
export class NetScores {
  readonly classes: number;
  /** Labels of the images; -1 for an image that could not be used. */
  readonly labels: readonly number[];
  readonly #posteriors: ReadonlyMap<string, Posteriors>;

  constructor(classes: number, labels: readonly number[], posteriors: ReadonlyMap<string, Posteriors>) {
    this.classes = classes;
    this.labels = labels;
    this.#posteriors = posteriors;
  }

  /** Returns the number of images that are scored under a measure, counted from the first. */
  count(measure: Measure): number {
    const [kind, scales] = measure.split(':') as [Protocol, TestScales];
    if (kind === 'both') return Math.min(this.count(`dense:${scales}`), this.count(`multi-crop:${scales}`));
    return (this.#posteriors.get(measure)?.length ?? 0) / this.classes;
  }

  /** Returns the posterior of an image. That of `both` is the mean of dense and multi-crop. */
  posterior(measure: Measure, image: number): Float32Array {
    const [kind, scales] = measure.split(':') as [Protocol, TestScales];
    if (kind === 'both') {
      return mean([this.posterior(`dense:${scales}`, image), this.posterior(`multi-crop:${scales}`, image)]);
    }
    return this.#posteriors.get(measure)!.subarray(image * this.classes, (image + 1) * this.classes);
  }

  /** Returns the scores with those of more images, or of other measures, added. */
  with({
    labels,
    posteriors,
  }: {
    labels: readonly number[];
    posteriors: Readonly<Record<string, Posteriors>>;
  }): NetScores {
    const merged = new Map(this.#posteriors);
    const known = [...this.labels];
    for (const [measure, values] of Object.entries(posteriors)) {
      const before = merged.get(measure) ?? new Float32Array(0);
      // The images continue those of the measure; the labels of the first ones may be known from another measure.
      for (const label of labels.slice(Math.max(0, known.length - before.length / this.classes))) known.push(label);
      const all = new Float32Array(before.length + values.length);
      all.set(before);
      all.set(values, before.length);
      merged.set(measure, all);
    }
    return new NetScores(this.classes, known, merged);
  }

  /** Returns the bytes of a safetensors file. */
  serialise(): Uint8Array {
    const bytesOf = (array: Float32Array | Int32Array) =>
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const labels = Int32Array.from(this.labels);
    const tensors = new Map<string, { dtype: 'F32' | 'I32'; shape: number[]; bytes: Uint8Array }>();
    tensors.set('labels', { dtype: 'I32', shape: [labels.length], bytes: bytesOf(labels) });
    for (const [measure, values] of this.#posteriors) {
      const shape = [values.length / this.classes, this.classes];
      tensors.set(measure, { dtype: 'F32', shape, bytes: bytesOf(values) });
    }
    return serialiseSafetensors(tensors, { classes: String(this.classes) });
  }

  /** @throws VggError `VGG_WEIGHTS` for a file that is damaged. */
  static parse(bytes: Uint8Array, source: string): NetScores {
    const { tensors, metadata } = parseSafetensors(bytes, source);
    const classes = Number(metadata.classes);
    const labels = tensors.get('labels');
    if (labels === undefined || !Number.isInteger(classes)) {
      throw new VggError('weights', `${source} does not hold posteriors: expected labels and the number of classes`);
    }
    const aligned = (part: Uint8Array) => new Uint8Array(part).buffer;
    const posteriors = [...tensors]
      .filter(([name]) => name !== 'labels')
      .map(([name, tensor]) => [name, new Float32Array(aligned(tensor.bytes))] as const);
    return new NetScores(classes, [...new Int32Array(aligned(labels.bytes))], new Map(posteriors));
  }
}

function mean(vectors: readonly Float32Array[]): Float32Array {
  return vectors[0]!.map((_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0) / vectors.length);
}

/** Wrong predictions of the fusion of some nets, or of one net: 1 for each wrong image. */
export interface Wrong {
  readonly top1: Outcomes;
  readonly top5: Outcomes;
}

/** Returns the wrong predictions of the mean posterior of some nets, on the first images that all of them have scored. */
export function wrongPredictions(nets: readonly NetScores[], measure: Measure): Wrong {
  const count = nets.reduce((low, net) => Math.min(low, net.count(measure)), Number.POSITIVE_INFINITY);
  const { labels } = nets[0]!;
  const images = Array.from({ length: count }, (_, i) => i).filter((i) => labels[i]! >= 0);
  const tops = images.map((i) => {
    const posterior = mean(nets.map((net) => net.posterior(measure, i)));
    return topClasses(posterior, topK(posterior.length));
  });
  return {
    top1: Uint8Array.from(tops, (top, at) => Number(top[0] !== labels[images[at]!])),
    top5: Uint8Array.from(tops, (top, at) => Number(!top.includes(labels[images[at]!]!))),
  };
}

/**
 * Returns an order of images of which every beginning is spread evenly over all: by the fractions of multiples of the golden
 * ratio. Sorted folders thus have all their classes in any number of first images.
 */
export function evenOrder(images: number): number[] {
  const ratio = (Math.sqrt(5) - 1) / 2;
  const fractions = Float64Array.from({ length: images }, (_, i) => ((i + 1) * ratio) % 1);
  return Array.from({ length: images }, (_, i) => i).sort((a, b) => fractions[a]! - fractions[b]!);
}
