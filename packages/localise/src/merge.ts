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
  /** Largest distance of two boxes that are merged: see {@link boxDistance}. Default 0.5, about a shift by 1/5 of the side. */
  readonly distance?: number | undefined;
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

/** Returns the mean of the coordinates of all parts of two merged boxes. */
function join(a: MergedBox, b: MergedBox): MergedBox {
  const parts = a.parts + b.parts;
  const mean = (x: number, y: number) => (x * a.parts + y * b.parts) / parts;
  const box = {
    left: mean(a.box.left, b.box.left),
    top: mean(a.box.top, b.box.top),
    width: mean(a.box.width, b.box.width),
    height: mean(a.box.height, b.box.height),
  };
  return { box, score: a.score + b.score, parts };
}

/** Largest number of boxes that are merged: the time grows with the third power. */
const MAX_BOXES = 2000;

/**
 * Merges boxes of one class greedily: always the two closest, until the smallest distance is `distance` or more. Predictions that
 * are not boxes (a side of 0 or less) are left out.
 * @returns the merged boxes, the one with the highest score first.
 * @throws VggError `VGG_ARGUMENT` for more than 2000 boxes, or a distance below 0.
 */
export function mergeBoxes(predictions: readonly ScoredBox[], { distance = 0.5 }: MergeOptions = {}): MergedBox[] {
  if (predictions.length > MAX_BOXES) {
    throw new VggError(
      'argument',
      `expected at most ${MAX_BOXES} boxes to merge, got ${predictions.length}: use smaller or fewer scales`,
    );
  }
  if (!(distance >= 0)) throw new VggError('argument', `expected a distance of 0 or more, got ${distance}`);
  const groups: (MergedBox | undefined)[] = predictions
    .filter(({ box }) => isBox(box))
    .map(({ box, score }) => ({ box, score, parts: 1 }));
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
  return groups.filter((group) => group !== undefined).sort((a, b) => b.score - a.score);
}

/** Returns the group after `index` that is closest to it. */
function nearestAfter(groups: readonly (MergedBox | undefined)[], index: number): { index: number; distance: number } {
  let nearest = { index: -1, distance: Number.POSITIVE_INFINITY };
  for (let i = index + 1; i < groups.length; i++) {
    const other = groups[i];
    if (other === undefined) continue;
    const distance = boxDistance(groups[index]!.box, other.box);
    if (distance < nearest.distance) nearest = { index: i, distance };
  }
  return nearest;
}
