/** Runs tfjs-core's specs on the backend 'wasm' of this package, in a separate process. */
import { dirname } from 'node:path';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import { setWasmPaths } from '@vgg/backend-wasm';
import { randomStream } from '@vgg/core';
import { recordSpecs } from '@vgg/testing/specs';

setWasmPaths(`${dirname(process.env.STOCK_WASM!)}/`);
setTestEnvs([{ name: 'wasm', backendName: 'wasm', isDataSync: true }]);
const stream = randomStream(1, 'specs');
await recordSpecs(() => stream.uniform());
process.exit(0);
