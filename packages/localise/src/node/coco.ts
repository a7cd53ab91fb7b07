/** Annotations in COCO's JSON: one file for a part of a data set. */
import { type Annotation, annotationError, numberOf } from './annotation';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown, name: string, place: string): Record<string, unknown>[] {
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw annotationError(place, `expected COCO's JSON with a list of objects as "${name}"`);
}

/**
 * Reads a file of annotations. `bbox` is [left, top, width, height]. Groups (`iscrowd`) are left out, as their box holds several objects.
 * @param place name of the file in messages.
 * @throws VggError `VGG_DATASET`, one line, for text that is not JSON, a missing list, an unknown or repeated image or category, one without
 *   a name, or a box that is not four numbers.
 */
export function parseCoco(text: string, place: string): Annotation[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw annotationError(place, `not JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  const root = isObject(json) ? json : {};
  const names = new Map<unknown, string>();
  for (const { id, name } of listOf(root.categories, 'categories', place)) {
    if (typeof name !== 'string' || name === '') throw annotationError(place, `category ${id} has no "name"`);
    if (names.has(id)) throw annotationError(place, `expected each category once, got ${id} twice`);
    names.set(id, name);
  }
  const images = new Map<unknown, Annotation & { objects: Annotation['objects'][number][] }>();
  for (const { id, file_name, width, height } of listOf(root.images, 'images', place)) {
    if (typeof file_name !== 'string') throw annotationError(place, `image ${id} has no "file_name"`);
    if (images.has(id)) throw annotationError(place, `expected each image once, got ${id} twice`);
    const own = `${place}, image ${id}`;
    const size = { width: numberOf(width, 'width', own), height: numberOf(height, 'height', own) };
    images.set(id, { image: file_name, size, objects: [], place: own });
  }
  for (const { id, image_id, category_id, bbox, iscrowd } of listOf(root.annotations, 'annotations', place)) {
    if (iscrowd === 1) continue;
    const own = `${place}, annotation ${id}`;
    const image = images.get(image_id);
    if (image === undefined) throw annotationError(own, `unknown image ${image_id}`);
    const name = names.get(category_id);
    if (name === undefined) throw annotationError(own, `unknown category ${category_id}`);
    if (!Array.isArray(bbox) || bbox.length !== 4) throw annotationError(own, 'expected "bbox" as four numbers');
    const [left, top, width, height] = bbox.map((value) => numberOf(value, '"bbox"', own)) as [
      number,
      number,
      number,
      number,
    ];
    image.objects.push({ name, box: { left, top, width, height } });
  }
  return [...images.values()];
}
