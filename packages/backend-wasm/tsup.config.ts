import { bundledGradients } from '../../tools/tfjs-gradients/build/plugin.ts';
import { library } from '../../tsup.base.ts';
import { embedKernels } from './build/assembly.ts';

const { noExternal, esbuildPlugins } = bundledGradients;

export default library({ index: 'src/index.ts' }, { noExternal, esbuildPlugins: [embedKernels, ...esbuildPlugins] });
