export { type AllcloseOptions, allclose } from './allclose';
export { hashed, hashedImages, hashedInitialiser } from './hashed';
export { expectNoLeak } from './leak';
export { type RecordedTensor, readFixture } from './recorded';
