import { provideLavapipe } from '../../scripts/lavapipe.mjs';
import { tests } from '../../vitest.base.ts';

// Before the workers start: a process reads where its libraries are only then.
const lavapipe = provideLavapipe();
if (lavapipe.reason === undefined) Object.assign(process.env, lavapipe.environment);
else process.stderr.write(`@vgg/backend-webgpu: tests on a device are left out: ${lavapipe.reason}\n`);
process.env.VGG_TEST_WEBGPU = lavapipe.reason ?? '';

export default tests({ pool: 'forks', maxWorkers: 2 });
