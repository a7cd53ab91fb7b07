import { library } from '../../tsup.base.ts';

export default library({ index: 'src/index.ts' }, { noExternal: [/^@tensorflow\/tfjs-core\/dist\/gradients\//] });
