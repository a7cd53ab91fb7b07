/**
 * Runs tfjs-core's own suite against the backend 'onednn' of this package, in a process of its own: bundled with tfjs-core's
 * modules so that both see one engine. Writes [{ name, status, message }] as JSON to the file named by SPEC_RESULTS.
 */
import { writeFileSync } from 'node:fs';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '../../src/index';
import { randomStream } from '@vgg/core';
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
import boot from 'jasmine-core/lib/jasmine-core/node_boot.js';

const jasmine = boot(jasmineRequire);
setTestEnvs([{ name: 'onednn', backendName: 'onednn', isDataSync: true }]);

// Specs that draw unseeded numbers, or wait on a busy machine, must not fail one run in a thousand.
const random = randomStream(1, 'specs');
Math.random = () => random.uniform();
jasmine.DEFAULT_TIMEOUT_INTERVAL = 60_000;

const results: { name: string; status: string; message: string }[] = [];
const env = jasmine.getEnv();
env.configure({ random: false });
env.addReporter({
  specDone: ({ fullName, status, failedExpectations }) => {
    if (status !== 'excluded') {
      results.push({ name: fullName, status, message: failedExpectations.map((f) => f.message).join('\n') });
    }
  },
});
await import('@tensorflow/tfjs-core/dist/tests');
await env.execute();
writeFileSync(process.env.SPEC_RESULTS!, JSON.stringify(results));
