/**
 * Greedy merging of the boxes that dense application predicts (appendix A.1; Sermanet et al. 2014, section 4.3): the two closest
 * boxes are replaced by their mean until none are close, and a merged box is rated by the class scores of its parts.
 */
import { VggError } from '@vgg/core';
import { type Box, intersectionOverUnion, isBox } from './box';

/** Box with the class score of its window, 0 or more. */
export interface ScoredBox {
  readonly box: Box;
  readonly score: number;
}

/** Box made of several predictions. */
export interface MergedBox extends ScoredBox {
  /** Sum of the scores of its parts. */
  readonly score: number;
  /** Number of its parts. */
  readonly parts: number;
}

/** Options of {@link mergeBoxes}. */
export interface MergeOptions {
  /**
   * Largest distance of two boxes that are merged: see {@link boxDistance}. Default 0.75, about a shift by 3/10 of the side.
   */
  readonly distance?: number | undefined;
  /**
   * Weights of the parts in the mean of their coordinates. `score`: their class scores, so that windows that do not see the object
   * hardly count. `equal`: 1 each. Default `score`.
   */
  readonly weights?: 'score' | 'equal' | undefined;
}

/**
 * Returns the distance of two boxes: that of their centres, in units of the square root of their mean area, plus 1 - IoU. It is 0
 * for equal boxes. (OverFeat adds the distance of the centres and the area of the intersection, without units or sign.)
 */
export function boxDistance(a: Box, b: Box): number {
  const across = a.left + a.width / 2 - b.left - b.width / 2;
  const down = a.top + a.height / 2 - b.top - b.height / 2;
  const unit = Math.sqrt((a.width * a.height + b.width * b.height) / 2);
  return Math.hypot(across, down) / unit + 1 - intersectionOverUnion(a, b);
}

/** Smallest weight of a part, so that boxes whose scores are all 0 have a mean. */
const LEAST_WEIGHT = 1e-12;

/** Merged boxes while they are merged. */
interface Group extends MergedBox {
  readonly weight: number;
}

function join(a: Group, b: Group): Group {
  const weight = a.weight + b.weight;
  const mean = (x: number, y: number) => (x * a.weight + y * b.weight) / weight;
  return {
    box: {
      left: mean(a.box.left, b.box.left),
      top: mean(a.box.top, b.box.top),
      width: mean(a.box.width, b.box.width),
      height: mean(a.box.height, b.box.height),
    },
    score: a.score + b.score,
    parts: a.parts + b.parts,
    weight,
  };
}

/** Largest number of boxes that are merged: the time grows with the third power. */
const MAX_BOXES = 2000;

/**
 * Merges boxes of one class greedily: always the two closest, until the smallest distance is `distance` or more. Predictions that
 * are not boxes (a side of 0 or less) are left out.
 * @returns the merged boxes, the one with the highest score first.
 * @throws VggError `VGG_ARGUMENT` for more than 2000 boxes, or a distance below 0.
 */
export function mergeBoxes(
  predictions: readonly ScoredBox[],
  { distance = 0.75, weights = 'score' }: MergeOptions = {},
): MergedBox[] {
  if (predictions.length > MAX_BOXES) {
    throw new VggError(
      'argument',
      `expected at most ${MAX_BOXES} boxes to merge, got ${predictions.length}: use smaller or fewer scales`,
    );
  }
  if (!(distance >= 0)) throw new VggError('argument', `expected a distance of 0 or more, got ${distance}`);
  const groups: (Group | undefined)[] = predictions
    .filter(({ box }) => isBox(box))
    .map(({ box, score }) => ({
      box,
      score,
      parts: 1,
      weight: weights === 'equal' ? 1 : Math.max(score, LEAST_WEIGHT),
    }));
  const nearest = groups.map((_, i) => nearestAfter(groups, i));
  for (;;) {
    let first = -1;
    for (let i = 0; i < groups.length; i++) {
      if (groups[i] !== undefined && (first < 0 || nearest[i]!.distance < nearest[first]!.distance)) first = i;
    }
    if (first < 0 || !(nearest[first]!.distance < distance)) break;
    const second = nearest[first]!.index;
    groups[first] = join(groups[first]!, groups[second]!);
    groups[second] = undefined;
    for (let i = 0; i < groups.length; i++) {
      if (groups[i] === undefined) continue;
      if (i <= first || nearest[i]!.index === first || nearest[i]!.index === second)
        nearest[i] = nearestAfter(groups, i);
    }
  }
  return groups
    .filter((group) => group !== undefined)
    .sort((a, b) => b.score - a.score)
    .map(({ box, score, parts }) => ({ box, score, parts }));
}

/** Returns the group after `index` that is closest to it. */
function nearestAfter(groups: readonly (Group | undefined)[], index: number): { index: number; distance: number } {
  let nearest = { index: -1, distance: Number.POSITIVE_INFINITY };
  for (let i = index + 1; i < groups.length; i++) {
    const other = groups[i];
    if (other === undefined) continue;
    const distance = boxDistance(groups[index]!.box, other.box);
    if (distance < nearest.distance) nearest = { index: i, distance };
  }
  return nearest;
}
