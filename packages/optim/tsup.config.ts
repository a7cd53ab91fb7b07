/**
 * The gradients of tfjs-core are bundled into this package (docs/decisions/0040). What they use of tfjs-core's public
 * interface is imported from the peer, so that only what is private to it is copied.
 */
import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { Options } from 'tsup';
import { library } from '../../tsup.base.ts';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

const PEER = '@tensorflow/tfjs-core';
const IMPORT = /^import (?:\* as (\w+)|\{ ([^}]*) \}) from '\.[^']*';$/gm;

/** An import inside tfjs-core, from its public interface where that has all the names. */
function fromPeer(statement: string, namespace: string | undefined, names = ''): string {
  if (names === 'ENGINE') return `import { engine } from '${PEER}';\nconst ENGINE = /* @__PURE__ */ engine();`;
  const wanted = namespace === undefined ? names.split(', ').map((name) => name.split(' as ')[0]!) : [namespace];
  return wanted.every((name) => name in tf) ? `import { ${namespace ?? names} } from '${PEER}';` : statement;
}

const gradientsOfPeer: Plugin = {
  name: 'gradients-of-peer',
  setup(build) {
    build.onLoad({ filter: /tfjs-core[\\/]dist[\\/].*\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replace(/^\/\/# source.*$/m, '').replace(IMPORT, fromPeer), loader: 'js' };
    });
  },
};

export default library(
  { index: 'src/index.ts' },
  { noExternal: [/^@tensorflow\/tfjs-core\/dist\/gradients\//], esbuildPlugins: [gradientsOfPeer] },
);
