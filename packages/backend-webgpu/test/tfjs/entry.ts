/** Runs tfjs-core's specs on the backend 'webgpu' of this package, in a separate process. */
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import { randomStream } from '@vgg/core';
import { recordSpecs } from '@vgg/testing/specs';
import { configure } from '../../src/index';

configure({ software: true });
// Nothing is computed on the CPU, however small it is.
setTestEnvs([{ name: 'webgpu', backendName: 'webgpu', isDataSync: false, flags: { WEBGPU_CPU_FORWARD: false } }]);
const stream = randomStream(1, 'specs');
await recordSpecs(() => stream.uniform());
process.exit(0);
