/** The public API as TypeScript sees it: `pnpm typecheck` fails where a name or type changes. */
import type { VggOptions } from '@vgg/models';
import type { AdamWOptions, FocalOptions, MomentumSgdOptions, RegressionOptions } from '@vgg/optim';
import { describe, expectTypeOf, it } from 'vitest';
import type { EndReason, FitOptions, FitResult, Metrics, TrainEvent, Validation } from '../src/index';
import * as api from '../src/index';
import type * as node from '../src/node';

type Of<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>;

describe('the API', () => {
  it('exports these values and no others', () => {
    expectTypeOf<keyof typeof api>().toEqualTypeOf<
      | 'addTotals'
      | 'batchSums'
      | 'captureCheckpoint'
      | 'countErrors'
      | 'crossEntropy'
      | 'fineTune'
      | 'findRate'
      | 'fit'
      | 'focal'
      | 'gather'
      | 'imageShare'
      | 'meanOf'
      | 'multiLabel'
      | 'NO_SAMPLES'
      | 'onFirst'
      | 'rateChart'
      | 'regression'
      | 'requireSameSettings'
      | 'restoreCheckpoint'
      | 'RunPace'
      | 'softTargets'
      | 'splitBatch'
      | 'suggestRate'
      | 'trainStep'
      | 'validate'
      | 'validationsOf'
    >();
    expectTypeOf<keyof typeof node>().toEqualTypeOf<
      | 'CheckpointFolder'
      | 'checkpointsOf'
      | 'EPOCH_TABLE'
      | 'EpochTable'
      | 'EventFile'
      | 'METRICS_FILE'
      | 'MetricsFile'
      | 'RunFolder'
      | 'RunLock'
      | 'weightsHash'
    >();
  });

  it('has events that are distinguished by their type', () => {
    expectTypeOf<TrainEvent['type']>().toEqualTypeOf<
      'start' | 'micro-batch' | 'step' | 'stall' | 'epoch' | 'checkpoint' | 'end'
    >();
    expectTypeOf<Of<'step'>['metrics']>().toEqualTypeOf<Metrics>();
    expectTypeOf<Of<'step'>>().toHaveProperty('imagesPerSecond').toEqualTypeOf<number>();
    expectTypeOf<Of<'epoch'>['validation']>().toEqualTypeOf<Validation | undefined>();
    expectTypeOf<Of<'checkpoint'>>().toEqualTypeOf<{ type: 'checkpoint'; step: number; name: string }>();
    expectTypeOf<Of<'end'>['reason']>().toEqualTypeOf<EndReason>();
    expectTypeOf<EndReason>().toEqualTypeOf<'complete' | 'schedule' | 'early-stop' | 'interrupted'>();
  });

  it('accepts undefined for every option, as exactOptionalPropertyTypes asks', () => {
    type Refusing<T> = {
      [K in keyof T]-?: object extends Pick<T, K> ? (Record<K, undefined> extends Pick<T, K> ? never : K) : never;
    }[keyof T];
    expectTypeOf<Refusing<FitOptions>>().toEqualTypeOf<never>();
    expectTypeOf<Refusing<api.FineTuneOptions<string>>>().toEqualTypeOf<never>();
    expectTypeOf<Refusing<api.ValidateOptions>>().toEqualTypeOf<never>();
    expectTypeOf<Refusing<api.StepOptions>>().toEqualTypeOf<never>();
    expectTypeOf<Refusing<api.ImageBatch>>().toEqualTypeOf<never>();
    expectTypeOf<Refusing<VggOptions>>().toEqualTypeOf<never>();
    expectTypeOf<
      Refusing<MomentumSgdOptions & AdamWOptions & FocalOptions & RegressionOptions>
    >().toEqualTypeOf<never>();
  });

  it('has these required options', () => {
    type Required = { [K in keyof FitOptions as object extends Pick<FitOptions, K> ? never : K]: true };
    expectTypeOf<keyof Required>().toEqualTypeOf<
      'model' | 'batches' | 'microBatch' | 'optimiser' | 'schedule' | 'epochs' | 'seed'
    >();
    expectTypeOf(api.fit).returns.resolves.toEqualTypeOf<FitResult>();
    expectTypeOf<ReturnType<node.RunFolder['record']>['onEvent']>().toEqualTypeOf<(event: TrainEvent) => void>();
  });
});
