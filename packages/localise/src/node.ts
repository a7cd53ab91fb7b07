export type { AnnotatedObject, Annotation } from './node/annotation';
export { parseCoco } from './node/coco';
export { parseCsv } from './node/csv';
export { type DrawnBox, drawBoxes } from './node/draw';
export { BoxFolder, objectText } from './node/draw-files';
export {
  type BoxMeasurement,
  type BoxRow,
  bestRow,
  type MeasureBoxesOptions,
  measureBoxes,
  ROW_HEADER,
  rowCells,
} from './node/measure';
export { type BoxSet, type OpenBoxesOptions, openBoxes } from './node/open';
export { openBoxRuns, type TrainAndMeasureOptions, trainAndMeasure } from './node/run';
export { BOX_MODEL, loadLocaliser, type SavedLocaliser, type TrainBoxesOptions, trainBoxes } from './node/train';
export { parseVoc } from './node/voc';
