/** Importing this package makes `tf.setBackend('wasm')` a backend that trains. */
import './register';

export { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
