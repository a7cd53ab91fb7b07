/** Options and words that several commands share. */

import { PUBLIC_DATA_SETS } from '@vgg/data/node';
import { CONFIGURATION_NAMES } from '@vgg/models';
import { type Command, Option } from 'commander';
import { ENGINE_NAMES } from '../engine';
import { KEYS } from '../recipe/file';
import { oneOf } from '../recipe/kinds';

export const PROTOCOLS = ['single', 'dense', 'multi-crop', 'both', 'all'] as const;

export const DATA = `the images: a folder, or downloaded by name: ${Object.keys(PUBLIC_DATA_SETS).join(', ')}`;

export function withOutput(command: Command): Command {
  return command
    .option('--json', 'results as one JSON document on stdout', false)
    .option('--quiet', 'no progress and no log: warnings, errors and results only', false)
    .helpOption('-h, --help', 'print this');
}

export function withEngine(command: Command): Command {
  const engine = new Option('--engine <name>', `what computes: auto (the fastest here), ${ENGINE_NAMES.join(', ')}`);
  return command.addOption(engine.argParser(oneOf(['auto', ...ENGINE_NAMES])).default('auto'));
}

export function withStrict(command: Command): Command {
  return command.option(
    '--strict',
    'stop at the first image that cannot be read, instead of skipping, counting and naming it',
    false,
  );
}

export function withNetwork(command: Command): Command {
  command.optionsGroup('The net:');
  const head = new Option(
    '--head <kind>',
    'hidden fully-connected layers: paper (4096, 4096), small (512), linear (none), auto (by --input)',
  );
  return command
    .option('--config <name>', `configuration of Table 1: ${CONFIGURATION_NAMES.join(', ')}`, KEYS.config, 'D')
    .option('--batch-norm', 'batch normalisation after every convolution; not in the paper', false)
    .addOption(new Option('--no-batch-norm').hideHelp())
    .option('--width <factor>', 'multiplies the numbers of filters and hidden units', KEYS.width, 1)
    .option('--input <side>', 'side of the square training crop, in pixels', KEYS.input, 224)
    .addOption(head.argParser(KEYS.head).default('auto'))
    .option('--dropout <p>', 'dropout of the hidden fully-connected layers', KEYS.dropout, 0.5);
}

/** Every value of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export const WEIGHTS =
  "a net of any framework, or a published one's name (vgg16.tv_in1k, ...), instead of a run: .pth, .safetensors, .h5, " +
  '.keras, .caffemodel, model.json, .npz';

/** A command whose net is a run or a weight file, not both. */
export function usedNet(command: Command): Command {
  const { run, weights } = command.opts<{ run?: readonly string[]; weights?: string }>();
  if (run === undefined && weights === undefined)
    command.error('error: which net? expected --run RUN or --weights FILE');
  if (run !== undefined && weights !== undefined)
    command.error('error: expected --run RUN or --weights FILE, got both: leave one out');
  return command;
}
