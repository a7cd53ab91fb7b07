/** True if tests can run on lavapipe, and the clause for the title of those that are skipped. */
const why = process.env.VGG_TEST_WEBGPU;

export const hasDevice = why === '';
export const reason = hasDevice ? '' : ` (skipped: ${why ?? 'not started by vitest.config.ts'})`;
