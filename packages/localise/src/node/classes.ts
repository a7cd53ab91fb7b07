/** Matches the classes of images with those of a classifier. */
import { type ClassNames, matchClasses } from '@vgg/eval';
import { IMAGENET_CLASSES, IMAGENET_SYNSETS } from '@vgg/weights';
import { type BoxSource, boxSource } from '../source';

/**
 * Returns a source with the classes of a classifier, in its order: those of the images are matched by name.
 * @throws VggError `VGG_DATASET` for a class that the classifier does not have.
 */
export function withClasses(source: BoxSource, classes: readonly string[]): BoxSource {
  const classifier: ClassNames = { name: 'the classifier', classes };
  const imagenet = { names: IMAGENET_CLASSES, synsets: IMAGENET_SYNSETS };
  const { places } = matchClasses(classifier, source, imagenet);
  if (source.classes.length === classes.length && classes.every((name, i) => name === source.classes[i])) return source;
  const images = Array.from({ length: source.length }, (_, i) => source.image(i));
  return boxSource(
    source.name,
    classes,
    images.map((image) => ({ ...image, label: places[image.label]! })),
  );
}
