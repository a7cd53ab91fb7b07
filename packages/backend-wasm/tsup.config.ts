import { library } from '../../tsup.base.ts';
import { embedKernels } from './build/assembly.ts';
import { bundleGradients } from './build/gradients.ts';

export default library(
  { index: 'src/index.ts' },
  {
    // tfjs-core's entry in Node registers no gradients and has no other file that Node can import.
    noExternal: [/^@tensorflow\/tfjs-core\/dist\//],
    esbuildPlugins: [embedKernels, bundleGradients],
  },
);
