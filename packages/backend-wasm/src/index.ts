/** Importing this package makes the TF.js backend 'wasm' able to train. */
import './register';

export { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
export { setThreads, threads } from './threads';
