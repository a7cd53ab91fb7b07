/** Boxes in a CSV file: one object in each line. */
import { CsvError, parse } from 'csv-parse/sync';
import { type Annotation, annotationError, numberOf } from './annotation';

/** Columns of a box: two corners, or a corner and a size. */
const CORNERS = ['xmin', 'ymin', 'xmax', 'ymax'] as const;
const SIDES = ['left', 'top', 'width', 'height'] as const;

interface Line {
  readonly record: Readonly<Record<string, string>>;
  readonly info: { readonly lines: number };
}

function linesOf(text: string, place: string): Line[] {
  try {
    return parse(text, {
      columns: true,
      bom: true,
      trim: true,
      info: true,
      skip_empty_lines: true,
    }) as unknown as Line[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw annotationError(place, error.message.split('\n')[0]!);
  }
}

/**
 * Reads a file of boxes with a header. Columns: `image` (a path relative to the file), `class`, and `left`, `top`, `width`, `height`
 * or `xmin`, `ymin`, `xmax`, `ymax`, in pixels from 0, where xmax and ymax are the first pixels outside the box. Other columns are
 * ignored. Lines of one image may lie anywhere.
 * @param place name of the file in messages.
 * @throws VggError `VGG_DATASET`, one line, for a missing column, a line with another number of fields, or a number that is not one.
 */
export function parseCsv(text: string, place: string): Annotation[] {
  const lines = linesOf(text, place);
  const columns = Object.keys(lines[0]?.record ?? {});
  if (lines.length === 0) throw annotationError(place, 'expected a header and at least one line, got none');
  const hasCorners = CORNERS.every((name) => columns.includes(name));
  const missing = ['image', 'class', ...(hasCorners ? CORNERS : SIDES)].find((name) => !columns.includes(name));
  if (missing !== undefined) {
    throw annotationError(
      place,
      `no column "${missing}": expected image, class and left, top, width, height or xmin, ymin, xmax, ymax`,
    );
  }
  const images = new Map<string, Annotation & { objects: Annotation['objects'][number][] }>();
  for (const { record, info } of lines) {
    const own = `${place}, line ${info.lines}`;
    const { image, class: name } = record;
    if (!image || !name) throw annotationError(own, 'expected an image and a class, got an empty field');
    const field = (key: string) => numberOf(record[key], key, own);
    const [left, top, x, y] = (hasCorners ? CORNERS : SIDES).map(field) as [number, number, number, number];
    const box = hasCorners ? { left, top, width: x - left, height: y - top } : { left, top, width: x, height: y };
    const entry = images.get(image) ?? { image, size: undefined, objects: [], place: own };
    entry.objects.push({ name, box });
    images.set(image, entry);
  }
  return [...images.values()];
}
