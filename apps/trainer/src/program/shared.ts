/** Options and words that several commands share. */

import { ENGINE_NAMES } from '@vgg/engine';
import { integer, oneOf, SETTINGS } from '@vgg/recipes/table';
import { type Command, Option } from 'commander';
import { SILENT_COMMAND } from '../terminal/command';

export const PROTOCOLS = ['single', 'dense', 'multi-crop', 'both', 'all'] as const;

export const DATA = SETTINGS.data.help;

export function withOutput(command: Command): Command {
  return command
    .option('--json', `results as one JSON document on stdout (with pnpm: ${SILENT_COMMAND} ... --json | jq)`, false)
    .option('--quiet', 'no progress and no log; warnings, errors and results only', false)
    .helpOption('-h, --help', 'print this help');
}

export function withEngine(command: Command): Command {
  const engine = new Option(
    '--engine <name>',
    `TF.js backend: auto (the fastest available), ${ENGINE_NAMES.join(', ')}`,
  );
  return command
    .addOption(engine.argParser(oneOf(['auto', ...ENGINE_NAMES])).default('auto'))
    .option('--device <gpu>', 'GPU of the engines on WebGPU: its number, from 0, or a part of its name');
}

/** Options that start the command on several processes. */
export function withRanks(command: Command): Command {
  return command
    .option('--ranks <n>', 'processes that do the work, started by mpirun; the result is that of one', integer(1, 4096))
    .option('--hosts <list>', 'machines of --ranks with the number of ranks of each: a:2,b:2 (default: this one)')
    .option('--mpirun <file>', "program that starts the ranks (default: the mpirun of @vgg/mpi's MPI)");
}

export function withStrict(command: Command): Command {
  return command.option(
    '--strict',
    'stop at the first image that cannot be read; otherwise such images are skipped, counted and named',
    false,
  );
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export const WEIGHTS =
  'weights to use instead of a run: a file of any framework (.pth, .safetensors, .h5, .keras, .caffemodel, model.json, ' +
  '.npz) or the name of a published net (vgg16, ...)';

/** Checks that a command got its net as a run or as a weight file, not both. */
export function usedNet(command: Command): Command {
  const { run, weights } = command.opts<{ run?: readonly string[]; weights?: string }>();
  if (run === undefined && weights === undefined)
    command.error('error: no net given: expected --run RUN or --weights FILE');
  if (run !== undefined && weights !== undefined)
    command.error('error: expected --run RUN or --weights FILE, got both: leave one out');
  return command;
}
