export type { Best, Checkpoint, CheckpointStore, TrainingState } from './checkpoint';
export {
  CheckpointFolder,
  type CheckpointFolderOptions,
  type FoundCheckpoint,
  type RefusedCheckpoint,
} from './node/checkpoint-folder';
