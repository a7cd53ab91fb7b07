export type { Best, Checkpoint, CheckpointStore, TrainingState } from './checkpoint';
export {
  CheckpointFolder,
  type CheckpointFolderOptions,
  type FoundCheckpoint,
  type RefusedCheckpoint,
} from './node/checkpoint-folder';
export { weightsHash } from './node/content-hash';
export { EPOCH_TABLE, EpochTable } from './node/epoch-table';
export { EventFile } from './node/event-file';
export { METRICS_FILE, MetricsFile } from './node/metrics-file';
export { checkpointsOf, RunFolder, type RunLog } from './node/run-folder';
export { RunLock } from './node/run-lock';
