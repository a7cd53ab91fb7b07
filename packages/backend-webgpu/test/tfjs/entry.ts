/**
 * Runs tfjs-core's own suite against the backend 'webgpu' of this package, in a process of its own: bundled with tfjs-core's
 * modules so that both see one engine. Writes [{ name, status, message }] as JSON to the file named by SPEC_RESULTS.
 * SPEC_FILTER, a regular expression on names, runs a part.
 */
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import { randomStream } from '@vgg/core';
import { recordSpecs } from '@vgg/testing/specs';
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
import boot from 'jasmine-core/lib/jasmine-core/node_boot.js';
import { configure } from '../../src/index';

const { SPEC_RESULTS, SPEC_FILTER = '' } = process.env;
const jasmine = boot(jasmineRequire);
configure({ software: true });
setTestEnvs([{ name: 'webgpu', backendName: 'webgpu', isDataSync: false, flags: { WEBGPU_CPU_FORWARD: false } }]);

const stream = randomStream(1, 'specs');
await recordSpecs(jasmine, {
  define: () => import('@tensorflow/tfjs-core/dist/tests'),
  random: () => stream.uniform(),
  file: SPEC_RESULTS!,
  filter: new RegExp(SPEC_FILTER),
});
process.exit(0);
