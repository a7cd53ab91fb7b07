/**
 * Runs tfjs-core's own specs against the backend 'wasm' of this package, in a process of its own: bundled with tfjs-core's
 * modules so that both see one engine. Writes [{ name, status, message }] as JSON to the file named by SPEC_RESULTS.
 */
import { dirname } from 'node:path';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import { setWasmPaths } from '@vgg/backend-wasm';
import { randomStream } from '@vgg/core';
import { recordSpecs } from '@vgg/testing/specs';
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
import boot from 'jasmine-core/lib/jasmine-core/node_boot.js';

const { SPEC_RESULTS, STOCK_WASM } = process.env;
const jasmine = boot(jasmineRequire);
setWasmPaths(`${dirname(STOCK_WASM!)}/`);
setTestEnvs([{ name: 'wasm', backendName: 'wasm', isDataSync: true }]);

const stream = randomStream(1, 'specs');
await recordSpecs(jasmine, {
  define: () => import('tfjs-specs'),
  random: () => stream.uniform(),
  file: SPEC_RESULTS!,
});
process.exit(0);
