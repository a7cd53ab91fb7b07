/** Tensors of an unpickled value by their paths: `features.0.weight`, or `state_dict.module.features.0.weight`. */
import { InvalidFile } from './errors';
import type { PickleValue } from './pickle';
import { StoredView } from './rebuild';

const MAX_DEPTH = 32;
/** Largest number of visited values: dictionaries that contain one another have endless paths. */
const MAX_VISITS = 100_000;
const MAX_NAME = 1000;

/**
 * Returns all tensors in the dictionaries and lists of `value`.
 * @throws InvalidFile when the value nests too deeply or two tensors have the same path.
 */
export function collectTensors(value: PickleValue): Map<string, StoredView> {
  const tensors = new Map<string, StoredView>();
  let visits = 0;
  const visit = (at: PickleValue, path: string, depth: number): void => {
    visits += 1;
    if (visits > MAX_VISITS) throw new InvalidFile(`more than ${MAX_VISITS} values`);
    if (depth > MAX_DEPTH) throw new InvalidFile(`dictionaries nested deeper than ${MAX_DEPTH} levels`);
    if (at instanceof StoredView) {
      if (path.length > MAX_NAME) throw new InvalidFile(`a tensor whose name has more than ${MAX_NAME} characters`);
      if (tensors.has(path)) throw new InvalidFile(`the tensor ${path.slice(0, 80)} twice`);
      tensors.set(path, at);
    } else if (at instanceof Map || Array.isArray(at)) {
      for (const [key, entry] of at.entries()) {
        if (typeof entry !== 'object' || entry === null) continue;
        visit(entry, path === '' ? nameOf(key) : `${path}.${nameOf(key)}`, depth + 1);
      }
    }
  };
  visit(value, '', 0);
  return tensors;
}

function nameOf(key: PickleValue): string {
  return typeof key === 'object' ? '(object)' : String(key).slice(0, MAX_NAME + 1);
}
