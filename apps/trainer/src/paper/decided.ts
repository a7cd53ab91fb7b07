/** Settings that a study decides itself. This file loads nothing, so that the command line can read it. */
import type { SettingName } from '@vgg/recipes/table';

/** Settings of `train` that the nets of a study do not share, or that a study decides. */
export const DECIDED_BY_STUDY = [
  'data',
  'task',
  'regression',
  'config',
  'scale',
  'trainImages',
  'checkDuplicates',
  'validateEvery',
  'maxSteps',
  'weights',
  'preInit',
  'layerRates',
  'freeze',
  'out',
] as const satisfies readonly SettingName[];
