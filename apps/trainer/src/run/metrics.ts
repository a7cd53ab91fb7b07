import type { TrainEvent } from '@vgg/train';

type EventOf<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>;

/** Line of `metrics.jsonl`: an event with the seconds that went elsewhere since the line before. */
export type MetricsEntry =
  | (EventOf<'step'> & { waiting?: number | undefined; saving?: number | undefined })
  | (EventOf<'epoch'> & { validating?: number | undefined });
