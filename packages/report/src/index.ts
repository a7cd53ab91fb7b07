export type {
  Activity,
  BarChart,
  ClassFigures,
  ClassTable,
  Column,
  Confusion,
  Curves,
  EmbeddedImage,
  Facts,
  Headline,
  HeatMap,
  LabelledImage,
  Mistake,
  PrintedTable,
  Progressing,
  RankTime,
  ReportData,
  ResultRow,
  RunState,
  Section,
  StudyData,
  TimeSpent,
} from './data';
export { type EvaluationRecord, readEvaluation, recordEvaluation, writeEvaluation } from './evaluation';
export { GuessBook, type Guesses, type Prediction } from './guesses';
export { heatMapOver, heatMapScales, heatMapSheet, mapValue } from './heat-map';
export { HeatMapFiles } from './heat-map-files';
export {
  type EpochEntry,
  History,
  type Measures,
  type MetricsEntry,
  readHistory,
  type StepEntry,
  type ValidationMeasures,
} from './history';
export { type PageAssets, pageAssets, reportHtml, writeReport } from './html';
export { DEFAULT_PORT, LivePage } from './live/live-page';
export { type MetricsReportOptions, reportOfMetrics } from './metrics-report';
export type { NetVariables, RunDescription, RunImages, RunNet } from './run';
export { type RunFolderOptions, reportOfRun } from './run-folder';
export { RunReport, type RunReportOptions } from './run-report';
