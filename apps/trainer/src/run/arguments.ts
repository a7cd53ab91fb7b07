/** The arguments of `train`: the settings of a run, and the options of one session, which change nothing of its result. */
import type { EngineName } from '@vgg/engine';
import type { SettingName, Settings } from '@vgg/recipes';
import type { KeepingOptions } from './folder';

/** Options of one session; none of them changes the weights. */
export interface SessionArguments extends KeepingOptions {
  /** Steps between checkpoints inside an epoch. */
  checkpointEvery: number;
  engine: EngineName | 'auto';
  /** GPU of the engine on WebGPU: its number or a part of its name. */
  device?: string | undefined;
  workers: number;
  /** Number of processes to start by mpirun. Default this process alone. */
  ranks?: number | undefined;
  /** Machines of the ranks, in the form of mpirun. */
  hosts?: string | undefined;
  /** Program that starts the ranks. */
  mpirun?: string | undefined;
  /** Ends the training as an interruption does. */
  signal?: AbortSignal | undefined;
  /** Show a live report in the browser. */
  ui: boolean;
  uiPort?: number;
  strict: boolean;
  json: boolean;
  quiet: boolean;
}

/** Changes that a resumed run allows, and the options of its session. */
export interface ResumeArguments extends SessionArguments {
  /** Folder to which the images of the run have moved. */
  movedData?: string | undefined;
  /** New number of epochs in all. */
  moreEpochs?: number | undefined;
}

export interface TrainArguments extends Settings, ResumeArguments {
  /** Name or path of the recipe file that gave settings. */
  recipe?: string;
  /** Settings given on the command line. Undefined: all are to be used as they are. */
  given?: ReadonlySet<SettingName> | undefined;
  /** Settings that the recipe file gave. */
  fromRecipe?: ReadonlySet<SettingName> | undefined;
  /** True for two steps on a few images, with all that follows; the run is not kept. */
  smoke?: boolean | undefined;
  /** The run to continue, or `true` for the one trained last. */
  resume?: string | true;
  /** Try learning rates instead of training, and draw the loss. */
  findRate?: boolean | undefined;
  /** Print the resolved recipe, memory and time without training. */
  dryRun: boolean;
}
