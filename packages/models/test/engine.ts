/** The tests' engine: the CPU backend, quiet, with the gradients that tfjs-core leaves out in Node. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { env } from '@tensorflow/tfjs-core';

env().set('IS_TEST', true);
