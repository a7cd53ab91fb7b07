/**
 * Bundles tfjs-core's gradients without a second copy of tfjs-core (docs/decisions/0040): public parts of tfjs-core are
 * imported from the peer dependency, and only private parts are copied.
 */
import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { Options } from 'tsup';

const PEER = '@tensorflow/tfjs-core';
const IMPORT = /^import (?:\* as (\w+)|\{ ([^}]*) \}) from '\.[^']*';$/gm;

/** Public namespaces that contain names of private files, in search order. */
const NAMESPACES = Object.entries({
  util: tf.util,
  broadcast_util: tf.broadcast_util,
  slice_util: tf.slice_util,
  backend_util: tf.backend_util,
});

/** Private namespaces whose members are all in a public namespace, by name. */
const INCLUDED_IN: Readonly<Record<string, string>> = { axis_util: 'backend_util', conv_util: 'backend_util' };

/** Replacements for values that have no public name, but can be got in a public way. */
const BY_HAND: Readonly<Record<string, string>> = {
  ENGINE: `import { engine } from '${PEER}';\nconst ENGINE = /* @__PURE__ */ engine();`,
  getGlobalTensorClass: `import { Tensor } from '${PEER}';\nconst getGlobalTensorClass = () => Tensor;`,
};

/** Rewrites an import inside tfjs-core as an import from its public interface, if that has all the names. */
function fromPeer(statement: string, namespace: string | undefined, names = ''): string {
  if (namespace !== undefined) {
    const found = INCLUDED_IN[namespace] ?? namespace;
    return found in tf ? `import { ${found} as ${namespace} } from '${PEER}';` : statement;
  }
  const wanted = names.split(', ').map((name) => name.split(' as ')[0]!);
  const has = (members: object) => wanted.every((name) => name in members);
  if (has(tf)) return `import { ${names} } from '${PEER}';`;
  const found = NAMESPACES.find(([, members]) => has(members))?.[0];
  if (found === undefined) return BY_HAND[names] ?? statement;
  const local = `${found}_of_${wanted[0]}`;
  return `import { ${found} as ${local} } from '${PEER}';\nconst { ${names.replaceAll(' as ', ': ')} } = ${local};`;
}

const gradientsOfPeer: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'gradients-of-peer',
  setup(build) {
    build.onLoad({ filter: /tfjs-core[\\/]dist[\\/].*\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replace(/^\/\/# source.*$/m, '').replace(IMPORT, fromPeer), loader: 'js' };
    });
  },
};

/** Options that tsup needs in a package that imports `@vgg/tfjs-gradients`. */
export const bundledGradients = {
  noExternal: ['@vgg/tfjs-gradients', /^@tensorflow\/tfjs-core\/dist\/gradients\//],
  esbuildPlugins: [gradientsOfPeer],
} satisfies Options;
