/** Finds what is to be said about the classes of a data set. */
import { countsOf, labelsOf } from '../../class-counts';
import type { ImageSource } from '../../source';
import { alikeNames } from './class-places';
import type { Part } from './parts';

/** Number of classes that a line names. */
const NAMED = 5;

function listOf(names: readonly string[]): string {
  return names.slice(0, NAMED).join(', ') + (names.length > NAMED ? `, … (${names.length})` : '');
}

function emptyClasses(source: ImageSource): string[] {
  const counts = countsOf(labelsOf(source), source.classes.length);
  return source.classes.filter((_, label) => counts[label] === 0);
}

/** Returns lines about names that differ only in capitals, and about classes without validation images. */
export function notesOnClasses({ train, validation }: Partial<Record<Part, ImageSource | undefined>>): string[] {
  if (train === undefined) return [];
  const notes: string[] = [];
  const alike = alikeNames(train.classes);
  if (alike) notes.push(`${alike.join(' and ')} differ only in capitals: they are two classes`);
  const unvalidated = validation === undefined ? [] : emptyClasses(validation);
  if (unvalidated.length > 0) {
    notes.push(
      `the validation part has no images of ${unvalidated.length} of the ${train.classes.length} classes: ${listOf(unvalidated)}`,
    );
  }
  return notes;
}
