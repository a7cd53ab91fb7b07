import { tests } from '../../vitest.base.ts';

export default tests({ include: ['bench/**/*.check.ts'], reporters: ['default'] });
