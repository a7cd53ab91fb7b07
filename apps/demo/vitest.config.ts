import { tests } from '../../vitest.base.ts';

// Each file packs the packages into the same folder.
export default tests({ fileParallelism: false });
