import { tests } from '../../vitest.base.ts';

// tfjs-core's gradients are ES modules without file extensions, which Node alone cannot load, so vitest loads all of
// TF.js; and it must load one copy, the one that the gradients import from.
export default tests({
  server: { deps: { inline: [/@tensorflow/] } },
  alias: [{ find: /^(@tensorflow\/tfjs-(?:core|backend-cpu))$/, replacement: '$1/dist/index.js' }],
});
