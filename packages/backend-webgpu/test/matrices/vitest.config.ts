/** Tests on tensor cores, on a lavapipe that has them. test/matrices.test.ts runs them, with the path of its Node. */
import { fileURLToPath } from 'node:url';
import { provideMatrixLavapipe } from '../../../../scripts/lavapipe.mjs';
import { tests } from '../../../../vitest.base.ts';

const lavapipe = provideMatrixLavapipe();
if (lavapipe.reason !== undefined) throw new Error(`tests on tensor cores cannot run: ${lavapipe.reason}`);
// Vitest starts its workers by this program.
process.execPath = lavapipe.program;

export default tests({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  include: ['test/matrices/*.cases.ts'],
  pool: 'forks',
  maxWorkers: 2,
  reporters: process.env.VGG_MATRICES_RESULTS ? ['json'] : ['default'],
  outputFile: process.env.VGG_MATRICES_RESULTS ?? 'test-results.json',
});
