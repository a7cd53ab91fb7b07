import { provideLavapipe, provideMatrixLavapipe } from '../../scripts/lavapipe.mjs';
import { tests } from '../../vitest.base.ts';

const leftOut = (what: string, reason: string) =>
  process.stderr.write(`@vgg/backend-webgpu: tests on ${what} are left out: ${reason}\n`);

// Before the workers start: a process reads where its libraries are only then.
const lavapipe = provideLavapipe();
if (lavapipe.reason === undefined) Object.assign(process.env, lavapipe.environment);
else leftOut('a device', lavapipe.reason);
process.env.VGG_TEST_WEBGPU = lavapipe.reason ?? '';

const { reason = '' } = provideMatrixLavapipe();
if (reason !== '') leftOut('tensor cores', reason);
process.env.VGG_TEST_MATRICES = reason;

export default tests({ pool: 'forks', maxWorkers: 2 });
