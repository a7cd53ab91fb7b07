/** Evaluation of a study's nets: each net at its own test scales, a number of images at a time, so that it can stop at any time. */
import type { Communicator } from '@vgg/core';
import { type ImageSource, subset } from '@vgg/data';
import { imageItems } from '@vgg/data/node';
import { type EvaluatedNet, evaluate, type Protocol, scalesFor } from '@vgg/eval';
import { evenOrder, type Measure, NetScores, type StudyNet } from '@vgg/study';
import { loadRuns, shareWeights } from '../evaluate/nets';
import { currentJob } from '../job/job';
import type { Terminal } from '../terminal/terminal';
import { announceStep, type Part, type Scoring } from './step';
import { readScores, runOf, saveScores } from './study';

/** Measures of each part of the evaluation. */
const PARTS = {
  dense: ['single:single', 'single:multi', 'dense:single', 'dense:multi'],
  crops: ['multi-crop:multi'],
} as const satisfies Record<Part, readonly Measure[]>;

/** Returns the number of images of a part that a net has scored. */
export function scoredImages(scores: NetScores | undefined, part: Part): number {
  return scores?.count(PARTS[part][0]) ?? 0;
}

export interface ScoreRequest {
  /** Folder of the study. */
  folder: string;
  net: StudyNet;
  part: Part;
  /** Number of images in all, those that are scored among them. */
  images: number;
  validation: ImageSource;
  input: number;
  strict: boolean;
  signal: AbortSignal;
}

/** Returns the images of an evaluation. */
export function scoredSource(validation: ImageSource, { start, end }: Scoring): ImageSource {
  return subset(validation, evenOrder(validation.length).slice(start, end));
}

/**
 * Returns the posteriors of a net for a part of the evaluation.
 *
 * @param source images, in the order of the result.
 */
export async function scoresOf(
  net: EvaluatedNet,
  source: ImageSource,
  {
    part,
    scale,
    input,
    strict,
    signal,
    communicator,
  }: Omit<Scoring, 'start' | 'end'> & { signal?: AbortSignal; communicator?: Communicator },
  onViews: (views: number) => void = () => {},
): Promise<{ labels: number[]; posteriors: Record<string, Float32Array> }> {
  const { classes } = net.model.options;
  const measures: readonly Measure[] = PARTS[part];
  const kinds = [...new Set(measures.map((measure) => measure.split(':')[0] as Protocol))];
  const posteriors: Record<string, Float32Array> = {};
  for (const measure of measures) posteriors[measure] = new Float32Array(source.length * classes);
  const labels = Array.from({ length: source.length }, () => -1);
  const places = new Map(Array.from({ length: source.length }, (_, i) => [source.key(i), i]));
  const scales = scalesFor(scale, 'multi', input);
  await evaluate({
    nets: [{ ...net, scales }],
    images: imageItems(source),
    protocols: kinds,
    scales,
    strict,
    signal,
    communicator,
    onEvent: (event) => {
      if (event.type === 'progress') onViews(event.views);
      if (event.type !== 'scored') return;
      const at = places.get(event.key)!;
      labels[at] = event.label ?? -1;
      for (const measure of measures) {
        const [protocol, mode] = measure.split(':') as [Protocol, 'single' | 'multi'];
        const posterior = event.posteriors.combine([net.name], protocol, scalesFor(scale, mode, input));
        posteriors[measure]!.set(posterior, at * classes);
      }
    },
  });
  return { labels, posteriors };
}

/** Scores further images with a net, and saves its posteriors. */
export async function scoreNet(request: ScoreRequest, terminal: Terminal): Promise<void> {
  const { folder, net, part, images, validation, input, strict, signal } = request;
  const known = await readScores(folder, net.name);
  const start = scoredImages(known, part);
  if (start >= images) return;
  const scoring: Scoring = { part, scale: net.scale, input, strict, start, end: images };
  const source = scoredSource(validation, scoring);
  const run = runOf(folder, net.name);
  const evaluated = await loadRuns([run]);
  const scales = scalesFor(net.scale, 'multi', input).length;
  const views = source.length * scales * (part === 'dense' ? 3 : 50);
  terminal.say(
    `evaluating ${net.name} ${part === 'dense' ? 'densely' : 'multi-crop'}, images ${start + 1} to ${images}`,
  );
  const progress = terminal.progress(`evaluation of ${net.name}`, views, 'views');
  try {
    await announceStep({ kind: 'score', run, record: evaluated.runs[0]!.record, scoring });
    await shareWeights(evaluated.nets[0]!.model);
    const scored = await scoresOf(
      evaluated.nets[0]!,
      source,
      { ...scoring, signal, communicator: currentJob() },
      (count) => progress.update(count),
    );
    const before = known ?? new NetScores(evaluated.nets[0]!.model.options.classes, [], new Map());
    await saveScores(folder, net.name, before.with(scored));
  } finally {
    progress.end();
    evaluated.dispose();
  }
}
