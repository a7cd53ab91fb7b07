/** Builds the worker thread as one self-contained ES module, for both formats of the package and for tests of the sources. */
import { library } from '../../tsup.base.ts';

export default library(
  { worker: 'src/node/worker.ts' },
  {
    format: ['esm'],
    platform: 'node',
    dts: false,
    clean: false,
    splitting: false,
    removeNodeProtocol: false,
    noExternal: ['@vgg/core'],
    silent: true,
    esbuildOptions: (options) => {
      options.sourcesContent = false;
      options.conditions = ['@vgg/source'];
    },
  },
);
