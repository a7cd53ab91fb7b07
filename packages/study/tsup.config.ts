import { library } from '../../tsup.base.ts';

export default library(
  { index: 'src/index.ts', figures: 'src/figures.ts' },
  { platform: 'node', removeNodeProtocol: false },
);
