/** The Euclidean loss of localisation nets (appendix A.1) and its metric. */
import { mul, type Scalar, square, sub, sum, type Tensor2D, tensor2d, tidy } from '@tensorflow/tfjs-core';
import type { Loss } from '@vgg/train';
import { intersectionOverUnion } from './box';
import { BOX_NUMBERS, decodeBox } from './regression';

/** Options of {@link boxLoss}. */
export interface BoxLossOptions {
  /** Least IoU of a right box in the metric. Default 0.5, as in ILSVRC. */
  readonly threshold?: number | undefined;
}

/**
 * Returns the Euclidean loss ½ · Σ (output - target)² of each image, over the outputs whose target is a number: those of the box of
 * the image's class. Targets that are NaN are ignored, so an image without any has a loss of 0. The metric is the localisation
 * error in % of the paper's Table 8: the percentage of images whose box of the true class has an IoU below `threshold`. An
 * image without a target counts as an error; `withBoxes` makes such crops in training, not in evaluation.
 */
export function boxLoss({ threshold = 0.5 }: BoxLossOptions = {}): Loss {
  return {
    name: `boxes ${JSON.stringify({ threshold })}`,
    needs: 'targets',
    sum: (outputs, { targets }) => euclideanSum(outputs, targets!),
    metric: {
      name: 'localisation error in %',
      sum: (outputs, { targets, size }) => {
        let wrong = 0;
        for (const agreement of agreements(outputs, targets!, size)) if (agreement < threshold) wrong += 100;
        return wrong;
      },
    },
  };
}

function euclideanSum(outputs: Tensor2D, targets: Float32Array): Scalar {
  return tidy(() => {
    const known = Float32Array.from(targets, (target) => (Number.isNaN(target) ? 0 : 1));
    const values = targets.map((target) => (Number.isNaN(target) ? 0 : target));
    const difference = sub(outputs, tensor2d(values, outputs.shape));
    return mul(sum(square(mul(difference, tensor2d(known, outputs.shape)))), 0.5) as Scalar;
  });
}

/** Returns the IoU of each image's box with its target; 0 for an image without a target. */
export function agreements(outputs: Float32Array, targets: Float32Array, size: number): number[] {
  const length = outputs.length / size;
  const crop = { width: 1, height: 1 };
  return Array.from({ length: size }, (_, image) => {
    for (let at = image * length; at < (image + 1) * length; at += BOX_NUMBERS) {
      if (Number.isNaN(targets[at]!)) continue;
      return intersectionOverUnion(decodeBox(outputs, at, crop), decodeBox(targets, at, crop));
    }
    return 0;
  });
}
