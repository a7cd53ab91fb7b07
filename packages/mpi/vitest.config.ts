import { tests } from '../../vitest.base.ts';

export default tests({ globalSetup: ['test/global-setup.ts'] });
