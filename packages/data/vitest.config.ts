import { tests } from '../../vitest.base.ts';

export default tests({ globalSetup: ['test/build-worker.ts'] });
