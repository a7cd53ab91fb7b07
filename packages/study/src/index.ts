export { studyCharts } from './charts';
export { settingDeviations } from './deviations';
export {
  type Figures,
  PAPER_SCALES,
  type PaperScale,
  TABLE_5,
  TABLE_6,
  TABLES_3_AND_4,
} from './figures';
export { type Finding, findings, findingsTable } from './findings';
export {
  byImportance,
  deepest,
  inputFor,
  isLater,
  type StudyNet,
  type StudyNets,
  scaleFor,
  studyNets,
} from './nets';
export { notesOn, type StudyFacts } from './notes';
export {
  type Allotment,
  allot,
  type Course,
  CROPS_SHARE,
  densePixels,
  epochsFor,
  epochTime,
  evaluationSeconds,
  FEWEST_EVALUATED,
  type ImageCounts,
  LATER_DIVISOR,
  type NetTime,
  netSeconds,
  type StudyCosts,
} from './plan';
export { StudyResults, type Variant, type VariantResult } from './results';
export { evenOrder, type Measure, NetScores, type TestScales, type Wrong, wrongPredictions } from './scores';
export { errorText, type Fusion, fusions, markdown, netsText, scaleText, type TableInput, tables } from './tables';
