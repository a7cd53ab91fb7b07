/** Registers our kernels and the guarded heap under the backend name 'wasm', and gradients. */
import '@tensorflow/tfjs-backend-wasm';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { engine, env, findBackendFactory, registerBackend, removeBackend } from '@tensorflow/tfjs-core';
import { registerMissingGradients } from '@vgg/tfjs-gradients';
import { guardHeap } from './allocator';
import { batchMatMul } from './kernels/batch_mat_mul';
import { batchNorm, batchNormGrad, fuseBatchNormGradient } from './kernels/batch_norm';
import { channelMoments, channelNorm, channelNormGrad } from './kernels/channel_norm';
import { mean, sum } from './kernels/column_sums';
import { conv2d, fusedConv2d } from './kernels/conv2d';
import { conv2dBackpropFilter } from './kernels/conv2d_backprop_filter';
import { conv2dBackpropInput } from './kernels/conv2d_backprop_input';
import { elementwise } from './kernels/elementwise';
import { fusedMatMul } from './kernels/fused_mat_mul';
import { fuseReluGradient } from './kernels/gradients';
import { cast, identity } from './kernels/identity';
import { install } from './kernels/kernel';
import { lrn, lrnGrad } from './kernels/local_response';
import { maxPool } from './kernels/max_pool';
import { maxPoolGrad } from './kernels/max_pool_grad';
import { addressedDropout, momentumSgd, sumOfSquares } from './kernels/training';
import { canThread, endThreads, prepareKernels, useThreads } from './module';
import { instantiateShared } from './shared-memory';
import { wantedThreads } from './threads';

/** Priority of the stock backend. */
const PRIORITY = 2;

for (const kernel of [
  addressedDropout,
  batchMatMul,
  batchNorm,
  batchNormGrad,
  cast,
  channelMoments,
  channelNorm,
  channelNormGrad,
  conv2d,
  conv2dBackpropFilter,
  conv2dBackpropInput,
  ...elementwise,
  fusedConv2d,
  fusedMatMul,
  identity,
  lrn,
  lrnGrad,
  maxPool,
  maxPoolGrad,
  mean,
  momentumSgd,
  sum,
  sumOfSquares,
])
  install(kernel);
registerMissingGradients();
fuseBatchNormGradient();
fuseReluGradient();

const existing = engine().registry.wasm as BackendWasm | undefined;
if (existing !== undefined) {
  guardHeap(existing);
} else {
  // The stock threaded build does not export its memory, so our kernels cannot run on it, and without them it cannot train.
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const createStock = findBackendFactory('wasm') as () => Promise<BackendWasm>;
  removeBackend('wasm');
  registerBackend(
    'wasm',
    async () => {
      const threads = wantedThreads();
      const backend = await (threads > 1 ? instantiateShared(createStock) : createStock());
      guardHeap(backend);
      await prepareKernels(backend);
      if (canThread(backend)) await useThreads(backend, threads);
      const dispose = backend.dispose.bind(backend);
      backend.dispose = () => {
        endThreads(backend);
        dispose();
      };
      return backend;
    },
    PRIORITY,
  );
}
