/** Finds classes by their names as people write them: in any Unicode form, in capitals or not. */
import { readableName } from '../byte-names';

export class ClassPlaces {
  readonly #exact: ReadonlyMap<string, number>;
  /** Names without capitals; -1 for those of several classes. */
  readonly #plain = new Map<string, number>();
  readonly #names: readonly string[];
  #example: string | undefined;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#exact = new Map(names.map((name, i) => [name.normalize(), i]));
    for (const [name, place] of this.#exact) {
      const plain = plainName(name);
      this.#plain.set(plain, this.#plain.has(plain) ? -1 : place);
    }
  }

  /** Returns the index of a class; undefined if there is none, or several that differ from the name in capitals only. */
  of(name: string): number | undefined {
    const place = this.#exact.get(name.normalize());
    if (place !== undefined) return place;
    const alike = this.#plain.get(plainName(name)) ?? -1;
    if (alike < 0) return undefined;
    this.#example ??= `${name} as ${this.#names[alike]}`;
    return alike;
  }

  /** Returns a line about the names that differ from those of the classes in capitals, if there were any. */
  noteFor(where: string): string | undefined {
    if (this.#example === undefined) return undefined;
    return `${readableName(where)}: classes are matched without regard to capitals, such as ${this.#example}`;
  }
}

function plainName(name: string): string {
  return name.normalize().toLowerCase();
}

/** Returns two of the names that differ only in capitals, if there are any. */
export function alikeNames(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const plain = plainName(name);
    const other = seen.get(plain);
    if (other !== undefined) return [other, name];
    seen.set(plain, name);
  }
  return undefined;
}
