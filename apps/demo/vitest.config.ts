import { tests } from '../../vitest.base.ts';

export default tests({ testTimeout: 240_000, hookTimeout: 240_000 });
