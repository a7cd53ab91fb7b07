export { type AllcloseOptions, allclose } from './allclose';
export { expectNoLeak } from './leak';
