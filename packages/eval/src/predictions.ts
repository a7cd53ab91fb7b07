/** The most probable classes of an image, and their record as one line of JSON. */
import { topClasses, topK } from './metrics';
import type { Protocol } from './protocol';

/** What one protocol says of one image, over all scales and nets asked for. */
export interface Prediction {
  readonly key: string;
  /** The class that the image has, or null for an image without a label. */
  readonly label: number | null;
  readonly nets: readonly string[];
  readonly protocol: Protocol;
  readonly scales: readonly number[];
  /** The five most probable classes, or all if there are fewer, most probable first. */
  readonly classes: readonly number[];
  /** Their posteriors. */
  readonly probabilities: readonly number[];
}

/** The part of a prediction that a posterior gives. */
export function guesses(posterior: Float64Array): Pick<Prediction, 'classes' | 'probabilities'> {
  const classes = topClasses(posterior, topK(posterior.length));
  return { classes, probabilities: classes.map((index) => posterior[index]!) };
}

/**
 * A prediction as one line of a JSONL file, with its line feed. Probabilities have 6 significant digits.
 * @param names names of the classes; if given, the line has `names` (of `classes`) and `labelName` too.
 */
export function predictionLine(prediction: Prediction, names?: readonly string[]): string {
  const named =
    names === undefined
      ? {}
      : {
          labelName: prediction.label === null ? null : (names[prediction.label] ?? null),
          names: prediction.classes.map((index) => names[index] ?? null),
        };
  const probabilities = prediction.probabilities.map((p) => Number(p.toPrecision(6)));
  return `${JSON.stringify({ ...prediction, probabilities, ...named })}\n`;
}
