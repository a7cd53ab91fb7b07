import { library } from '../../tsup.base.ts';
import { embedKernels, keepGradients } from './build/assembly.ts';

export default library(
  { index: 'src/index.ts' },
  {
    // tfjs-core's entry in Node registers no gradients and has no other file that Node can import.
    noExternal: [/^@tensorflow\/tfjs-core\/dist\//],
    esbuildPlugins: [embedKernels, keepGradients],
  },
);
