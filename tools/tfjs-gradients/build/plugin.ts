/**
 * Bundles tfjs-core's gradients without a second copy of tfjs-core (docs/decisions/0040): what their files use of its public
 * interface is imported from the peer, and only what is private to it is copied.
 */
import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { Options } from 'tsup';

const PEER = '@tensorflow/tfjs-core';
const IMPORT = /^import (?:\* as (\w+)|\{ ([^}]*) \}) from '\.[^']*';$/gm;

/** Public namespaces that have names of private files, in the order in which they are asked. */
const NAMESPACES = Object.entries({
  util: tf.util,
  broadcast_util: tf.broadcast_util,
  slice_util: tf.slice_util,
  backend_util: tf.backend_util,
});

/** Private namespaces, all of whose members a public one has. */
const INCLUDED_IN: Readonly<Record<string, string>> = { axis_util: 'backend_util', conv_util: 'backend_util' };

/** What has no public name, but a public way to get it. */
const BY_HAND: Readonly<Record<string, string>> = {
  ENGINE: `import { engine } from '${PEER}';\nconst ENGINE = /* @__PURE__ */ engine();`,
  getGlobalTensorClass: `import { Tensor } from '${PEER}';\nconst getGlobalTensorClass = () => Tensor;`,
};

/** An import inside tfjs-core, from its public interface where that has all the names. */
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

/** What the tsup configuration of a package that imports `@vgg/tfjs-gradients` needs. */
export const bundledGradients = {
  noExternal: ['@vgg/tfjs-gradients', /^@tensorflow\/tfjs-core\/dist\/gradients\//],
  esbuildPlugins: [gradientsOfPeer],
} satisfies Options;
