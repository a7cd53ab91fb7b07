/** The backend of this package's tests: plain JavaScript, without its greeting. */
import { env, setBackend } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';

env().set('IS_TEST', true);
await setBackend('cpu');
