import { library } from '../../tsup.base.ts';

/** `@vgg/data` is part of the build (docs/decisions/0166): installed, it would bring sharp, tar and zip.js into browser projects. */
export default library(
  { index: 'src/index.ts' },
  {
    noExternal: ['@vgg/data'],
    dts: { compilerOptions: { paths: { '@vgg/data': ['../data/src/index.ts'] } } },
    esbuildOptions: (options) => {
      options.conditions = ['@vgg/source'];
      options.sourcesContent = false;
    },
  },
);
