/** Shuffles the training set: each epoch has another permutation, which depends only on (seed, epoch). */
import { randomStream } from '@vgg/core';

/** Returns the source indices 0 to `length - 1` in the order of `epoch`, a uniformly random permutation. */
export function epochOrder(seed: number, epoch: number, length: number): Uint32Array {
  return randomStream(seed, 'order', epoch).permutation(length);
}

/**
 * Returns the order of an epoch in which all classes are equally frequent: a class of few images has each of them several
 * times, evenly, and a class of many leaves some out. The number of places is that of the images, as in an ordinary epoch.
 *
 * @param labels class of each image, from 0.
 * @param classes number of classes; those without images have no place.
 */
export function balancedOrder(seed: number, epoch: number, labels: ArrayLike<number>, classes: number): Uint32Array {
  const byClass: number[][] = Array.from({ length: classes }, () => []);
  for (let i = 0; i < labels.length; i++) byClass[labels[i]!]!.push(i);
  const filled = byClass.filter((images) => images.length > 0);
  // Which classes get the places that are left over differs from epoch to epoch.
  const turns = randomStream(seed, 'balanced-classes', epoch).permutation(filled.length);
  const places = new Uint32Array(labels.length);
  filled.forEach((images, which) => {
    const random = randomStream(seed, 'balanced-images', epoch, which);
    // Each round through a class is another permutation of its images.
    let round = random.permutation(images.length);
    let used = 0;
    for (let at = turns[which]!; at < places.length; at += filled.length) {
      if (used === images.length) {
        round = random.permutation(images.length);
        used = 0;
      }
      places[at] = images[round[used]!]!;
      used += 1;
    }
  });
  const shuffled = randomStream(seed, 'order', epoch).permutation(places.length);
  return shuffled.map((place) => places[place]!);
}
