/** Settings of a smoke run: two steps on a few images, to see that all of a recipe works. */
import type { Settings } from './settings';

/** Smallest number of training images of a smoke run, if there are as many. */
const IMAGES = 64;
const STEPS = 2;

/** Returns the settings that a smoke run changes: two steps of whole batches, without warm-up. */
export function smokeSettings({
  batch = 0,
  trainImages = Number.POSITIVE_INFINITY,
}: Settings): Pick<Settings, 'epochs' | 'warmUp' | 'maxSteps'> & { trainImages: number } {
  return {
    epochs: 1,
    warmUp: 0,
    maxSteps: STEPS,
    trainImages: Math.min(trainImages, Math.max(IMAGES, STEPS * batch)),
  };
}
