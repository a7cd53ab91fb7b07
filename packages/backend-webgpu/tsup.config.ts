import { bundledGradients } from '../../tools/tfjs-gradients/build/plugin.ts';
import { library } from '../../tsup.base.ts';

export default library({ index: 'src/index.ts' }, bundledGradients);
