/** Importing this package makes `tf.setBackend('wasm')` a backend that trains. */
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import './register';

export { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
