import { library } from '../../tsup.base.ts';

export default library(
  { index: 'src/index.ts', table: 'src/table.ts' },
  { platform: 'node', shims: true, removeNodeProtocol: false },
);
