import { library } from '../../tsup.base.ts';

export default library(
  { index: 'src/index.ts', node: 'src/node.ts' },
  {
    // Readers are chunks of their own, loaded when needed. No module here has side effects: an import of a chunk for those
    // alone would do nothing but make bundlers warn.
    treeshake: { moduleSideEffects: (id) => !id.includes('/chunk-') },
  },
);
