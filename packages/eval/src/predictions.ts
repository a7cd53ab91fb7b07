/** Most probable classes of an image, and a prediction as one line of JSON. */
import { topClasses, topK } from './metrics';
import type { Protocol } from './protocol';

/** Prediction of one protocol for one image, over all requested scales and nets. */
export interface Prediction {
  readonly key: string;
  /** Class of the image, or null for an image without a label. */
  readonly label: number | null;
  readonly nets: readonly string[];
  readonly protocol: Protocol;
  readonly scales: readonly number[];
  /** Five most probable classes, or all if there are fewer, most probable first. */
  readonly classes: readonly number[];
  /** Their posteriors. */
  readonly probabilities: readonly number[];
}

/** Returns the most probable classes of a posterior, with their probabilities. */
export function guesses(posterior: Float64Array): Pick<Prediction, 'classes' | 'probabilities'> {
  const classes = topClasses(posterior, topK(posterior.length));
  return { classes, probabilities: classes.map((index) => posterior[index]!) };
}

/**
 * Formats a prediction as one line of a JSONL file, with its line feed. Probabilities have 6 significant digits.
 * @param names names of the classes; if given, the line also has `names` (of `classes`) and `labelName`.
 */
export function predictionLine(prediction: Prediction, names?: readonly string[]): string {
  const { label, classes } = prediction;
  const probabilities = prediction.probabilities.map((p) => Number(p.toPrecision(6)));
  // JSON leaves out keys whose value is undefined.
  const labelName = names && (label === null ? null : (names[label] ?? null));
  const classNames = names && classes.map((index) => names[index] ?? null);
  return `${JSON.stringify({ ...prediction, probabilities, labelName, names: classNames })}\n`;
}
