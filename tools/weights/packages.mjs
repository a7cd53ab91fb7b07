/** The built packages of this repository, and TF.js as they import it, for scripts in a folder without dependencies. */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function resolver(folder) {
  return createRequire(`${ROOT}packages/${folder}/package.json`);
}

async function load(folder, name) {
  const loaded = await import(pathToFileURL(resolver(folder).resolve(name)).href);
  return loaded.default ?? loaded;
}

/** Returns the packages, with `engine` (onednn, wasm or cpu) as the backend of TF.js. */
export async function packages(engine) {
  const tf = await load('models', '@tensorflow/tfjs-core');
  const backend = engine === 'cpu' ? '@tensorflow/tfjs-backend-cpu' : `../backend-${engine}/dist/index.cjs`;
  tf.env().set('PROD', true); // Silences TF.js's advice to install tfjs-node.
  const registered = await load('models', backend);
  if (!(await tf.setBackend(engine))) throw new Error(`the engine ${engine} cannot be used here`);
  return {
    tf,
    backend: registered,
    weights: await load('weights', './dist/index.cjs'),
    weightsNode: await load('weights', './dist/node.cjs'),
    evaluation: await load('eval', './dist/index.cjs'),
    dataNode: await load('data', './dist/node.cjs'),
  };
}
