/**
 * Namings of nets inside a person's own model: the convolutions of a known naming in any wrapper (`backbone.features.0.weight`,
 * `0.0.weight`, `vgg16/block1_conv1/kernel`), and fully-connected layers of any names, in their order in the file.
 */
import { type Layer, layerVariables, planLayers, resolveOptions } from '@vgg/models';
import type { Layout, Place } from '../sources/graph';
import type { TensorInfo } from '../sources/source';
import { KERAS } from './keras';
import type { Naming } from './naming';
import { SEQUENTIAL } from './pytorch';

/** Naming under a prefix of the file's names. */
export interface Wrapped {
  readonly naming: Naming;
  readonly prefix: string;
}

/** Endings of the weights of fully-connected layers, and those of their biases. */
const ROLES: readonly (readonly [weight: RegExp, bias: string])[] = [
  [/weight$/, 'bias'],
  [/kernel(:0)?$/, 'bias$1'],
  [/_W_1:0$/, '_b_1:0'],
  [/vars\/0$/, 'vars/1'],
];

/** Returns the names of weight and bias of the fully-connected layers among tensors, in their order. */
function connectedLayers(tensors: ReadonlyMap<string, TensorInfo>): { weight: string; bias: string }[] {
  return [...tensors].flatMap(([weight, { shape }]) => {
    const role = shape.length === 2 ? ROLES.find(([ending]) => ending.test(weight)) : undefined;
    const bias = role && weight.replace(...role);
    return bias !== undefined && tensors.has(bias) ? [{ weight, bias }] : [];
  });
}

/** Returns the naming of convolutions whose names begin with `inner`, and of all fully-connected layers among `tensors`. */
function wrap(base: Naming, layout: Layout, inner: string, tensors: ReadonlyMap<string, TensorInfo>): Naming {
  const head = connectedLayers(tensors);
  return {
    ...base,
    places(layers) {
      const features = base.places(layers.filter(({ part }) => part === 'features'));
      const connected = layers.filter(({ kind }) => kind === 'fullyConnected');
      if (features === undefined || (connected.length > 0 && connected.length !== head.length)) return undefined;
      const places = new Map<string, Place>();
      for (const [name, place] of features) places.set(name, { ...place, name: inner + place.name });
      for (const [i, layer] of connected.entries()) addConnected(places, layer, head[i]!, layout);
      return places;
    },
  };
}

function addConnected(
  places: Map<string, Place>,
  layer: Layer,
  { weight, bias }: { weight: string; bias: string },
  layout: Layout,
): void {
  for (const { name, role } of layerVariables(layer)) {
    places.set(name, role === 'weight' ? { name: weight, layout } : { name: bias, layout: 'same' });
  }
}

/** Largest number of wrappers that are tried. */
const MAX_WRAPPERS = 64;

/** Returns the beginnings of the names of first convolutions: tensors of 3 x 3 filters of 3 colours whose names end in `first`. */
function beginnings(tensors: ReadonlyMap<string, TensorInfo>, first: string, colours: number): string[] {
  return [...tensors].flatMap(([name, { shape }]) => {
    const begin = name.endsWith(first) ? name.slice(0, -first.length) : undefined;
    const isWhole = begin === '' || (begin !== undefined && /[./]$/.test(begin));
    return isWhole && shape.length === 4 && shape[colours] === 3 ? [begin] : [];
  });
}

/**
 * Returns the namings under which a file may hold a net in a wrapper: each with the convolutions in one place, and the
 * fully-connected layers anywhere under a prefix of that place.
 */
export function wrappedNamings(tensors: ReadonlyMap<string, TensorInfo>): Wrapped[] {
  const found: Wrapped[] = [];
  const add = (base: Naming, layout: Layout, begin: string, separator: string) => {
    const parts = begin.split(separator).slice(0, -1);
    for (let count = 0; count <= parts.length && found.length < MAX_WRAPPERS; count++) {
      const prefix = parts
        .slice(0, count)
        .map((part) => part + separator)
        .join('');
      const below = [...tensors].filter(([name]) => name.startsWith(prefix));
      const relative = new Map(below.map(([name, info]) => [name.slice(prefix.length), info]));
      found.push({ prefix, naming: wrap(base, layout, begin.slice(prefix.length), relative) });
    }
  };
  for (const begin of beginnings(tensors, '0.weight', 1)) add(SEQUENTIAL, 'outputsFirst', begin, '.');
  for (const naming of KERAS) {
    const first = naming.places(planLayers(resolveOptions({ configuration: 'A' })))!.get('conv1_1.weight')!.name;
    for (const begin of beginnings(tensors, first, 2)) add(naming, 'same', begin, '/');
  }
  return found;
}
