/** Runs tfjs-core's specs on the backend 'onednn' of this package, in a separate process. */
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '../../src/index';
import { randomStream } from '@vgg/core';
import { recordSpecs } from '@vgg/testing/specs';

setTestEnvs([{ name: 'onednn', backendName: 'onednn', isDataSync: true }]);
const stream = randomStream(1, 'specs');
await recordSpecs(() => stream.uniform());
