/** Matches the classes of images with those of the nets that are evaluated on them. */
import type { ImageSource } from '@vgg/data';
import { checkClasses, matchClasses } from '@vgg/eval';
import { IMAGENET_CLASSES, IMAGENET_SYNSETS } from '@vgg/weights';
import type { Terminal } from '../terminal/terminal';
import type { Evaluated } from './nets';

const IMAGENET = { names: IMAGENET_CLASSES, synsets: IMAGENET_SYNSETS };

/**
 * Returns the images with the labels of the nets. Says which classes were matched by name, unless they are the same.
 * @throws VggError `VGG_DATASET` if runs that are fused have different classes, or images have a class that the nets do not have.
 */
export function withClassesOf(
  { name, classes, runs }: Evaluated,
  source: ImageSource,
  terminal: Terminal,
): ImageSource {
  const net = { name, classes };
  for (const { path, record } of runs.slice(1)) checkClasses(net, { name: path, classes: record.classes });
  const { places, notice, assumption } = matchClasses(net, { name: 'the data set', classes: source.classes }, IMAGENET);
  if (assumption !== undefined) terminal.warn(assumption);
  if (notice !== undefined) terminal.say(notice);
  if (places.length === classes.length && places.every((place, label) => place === label)) return source;
  return {
    name: source.name,
    classes,
    length: source.length,
    label: (index) => places[source.label(index)]!,
    key: (index) => source.key(index),
    location: (index) => source.location(index),
  };
}
