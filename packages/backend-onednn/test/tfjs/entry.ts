/**
 * Runs tfjs-core's own suite against the backend 'onednn' of this package, in a process of its own: bundled with
 * tfjs-core's modules so that both see one engine. Writes [{ name, status, message }] as JSON to the file named by
 * SPEC_RESULTS.
 */
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '../../src/index';
import { randomStream } from '@vgg/core';
import { recordSpecs } from '@vgg/testing/specs';
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
import boot from 'jasmine-core/lib/jasmine-core/node_boot.js';

const jasmine = boot(jasmineRequire);
setTestEnvs([{ name: 'onednn', backendName: 'onednn', isDataSync: true }]);

const stream = randomStream(1, 'specs');
await recordSpecs(jasmine, {
  define: () => import('@tensorflow/tfjs-core/dist/tests'),
  random: () => stream.uniform(),
  file: process.env.SPEC_RESULTS!,
});
