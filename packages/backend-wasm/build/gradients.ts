/**
 * Bundles tfjs-core's gradient functions, which its entry for Node leaves out, without a second copy of tfjs-core: what they
 * import is taken from the public API, and only what is not public (backward ops) is bundled with them.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as core from '@tensorflow/tfjs-core';
import type { Plugin } from 'esbuild';

const CORE = '@tensorflow/tfjs-core';

/** Modules that are bundled: the gradients, the backward ops, and how an op reads its arguments. */
const BUNDLED =
  /\/(gradients\/\w+|register_all_gradients|ops\/\w+_(grad|backprop|backprop_input|backprop_filter)|tensor_util_env|types)\.js$/;

/** Public namespaces to look in, in order; the first is the API itself. */
const NAMESPACES: readonly (readonly [expression: string, members: object])[] = [
  ['core', core],
  ['core.util', core.util],
  ['core.slice_util', core.slice_util],
  ['core.broadcast_util', core.broadcast_util],
  ['core.backend_util', core.backend_util],
];

/** What has no public name, but a public way to get it. */
const BY_HAND: Readonly<Record<string, string>> = {
  ENGINE: 'core.engine()',
  getGlobalTensorClass: '() => core.Tensor',
};

function exportedNames(path: string): string[] {
  const source = readFileSync(path, 'utf8');
  const names = [...source.matchAll(/^export (?:async )?(?:const|function|class|let) (\w+)/gm)].map(
    ([, name]) => name!,
  );
  const others = [...source.matchAll(/^export \* from '\.\/(\w+)'/gm)].map(([, other]) => other!);
  return [...names, ...others.flatMap((other) => exportedNames(join(dirname(path), `${other}.js`)))];
}

/** A module with the exports of tfjs-core's file `path` that the public API has; one that is missed fails the bundling. */
function publicExports(path: string): string {
  if (basename(path) === 'base.js') return `export * from '${CORE}';`;
  const lines = exportedNames(path).flatMap((name) => {
    const found = NAMESPACES.find(([, members]) => name in members);
    const value = BY_HAND[name] ?? (found && `${found[0]}.${name}`);
    return value === undefined ? [] : [`export const ${name} = ${value};`];
  });
  return [`import * as core from '${CORE}';`, ...lines].join('\n');
}

export const bundleGradients: Plugin = {
  name: 'bundle-gradients',
  setup(build) {
    build.onResolve({ filter: /^\.\/kernel_registry$/ }, ({ importer }) =>
      importer.endsWith('register_all_gradients.js')
        ? { path: new URL('../src/missing_gradient.ts', import.meta.url).pathname }
        : undefined,
    );
    build.onLoad({ filter: /tfjs-core\/dist\/.*\.js$/ }, ({ path }) =>
      BUNDLED.test(path) ? undefined : { contents: publicExports(path), loader: 'js' },
    );
  },
};
