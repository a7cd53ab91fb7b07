export { type KerasTap, resolveTap, type Tap, type TorchvisionTap } from './aliases';
export { type DescriptorOptions, descriptor } from './descriptor';
export { foldBatchNorm } from './fold-batch-norm';
export { layersNamed } from './freezing';
export { isConfiguration } from './guard';
export {
  fromTrainedA,
  glorotInitialiser,
  heInitialiser,
  type Initialiser,
  normalInitialiser,
  zeroInitialiser,
} from './initialisers';
export { type LentTensor, lentTensor } from './lent-tensor';
export { flatten, globalAverage } from './maps';
export type { FreezableName, LayerName, TapName } from './names';
export { inputShape, type ResolvedVggOptions, resolveOptions, type VggOptions } from './options';
export { type Layer, layerVariables, planLayers, type VariableRole, type VariableSpec } from './plan';
export { configurationText, poolings } from './stages';
export { formatSummary, type LayerSummary, type MemorySummary, type Summary, summarise } from './summary';
export {
  CONFIGURATION_NAMES,
  type Configuration,
  type ConfigurationName,
  type HeadName,
  type TableEntry,
  type VggTable,
} from './table';
export { type ApplyOptions, type ApplyResult, createVgg, type DenseResult, type Vgg } from './vgg';
