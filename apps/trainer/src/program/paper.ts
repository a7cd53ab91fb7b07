/** The options of `paper`, and what a resumed study makes of them. */
import { CONFIGURATION_NAMES } from '@vgg/models';
import { integer, listOf, SETTING_NAMES, type SettingName, timeSpan } from '@vgg/recipes/table';
import { PAPER_SCALES } from '@vgg/study/figures';
import { Command, Option } from 'commander';
import type { PaperArguments } from '../commands/paper';
import { DECIDED_BY_STUDY } from '../paper/decided';
import type { Commands } from './commands';
import { addAllSettings, type DifferencesOf } from './setting-options';
import { DATA, withEngine, withOutput, withRanks, withStrict } from './shared';

/** Settings of `paper` that differ from those of `train`. */
const SETTINGS_OF_PAPER: DifferencesOf = {
  input: {
    kind: integer(32, 4096),
    value: '<side>',
    help: 'side of the square training crop, in pixels',
    default: undefined,
    defaultHelp: "in the paper's proportion to the images, 32 to 224",
  },
  width: { default: 0.25 },
  batchNorm: {
    default: true,
    help: 'no batch normalisation, as in the paper; the deeper nets then learn little in few epochs',
  },
  dropout: { default: 0 },
  epochs: { help: 'largest number of epochs per net, if the budget allows' },
  batch: { defaultHelp: '64' },
  rate: { default: 0.05, help: 'initial learning rate of nets trained from scratch; later scales use a tenth' },
  schedule: { default: 'cosine' },
  init: { default: 'he' },
  seed: { help: 'first random seed' },
};

export function paperCommand(run: Commands['paper']): Command {
  const command = new Command('paper')
    .summary("repeat the paper's study on your images within a time budget: Tables 3 to 6, findings")
    .description(
      'Trains the given configurations and scales in the order of the paper (A, then deeper nets from its layers; each later ' +
        'scale from the weights of the one before), evaluates them under every protocol, and prints Tables 3 to 6 next to ' +
        "the paper's ImageNet results, with standard errors, and its findings as paired tests. It measures the speed of each " +
        'net and divides the budget: all nets of a scale get the same number of epochs, later scales half of it. A short budget ' +
        'means first fewer epochs, down to 6 epochs and 500 steps; then fewer seeds, fewer nets, fewer epochs (3), fewer ' +
        'images; it says so. A, A-LRN and B are trained at the first scale only, unless no deeper net is given. The images ' +
        'are as for train.',
    )
    .option('--data <dir|name>', DATA)
    .addOption(
      new Option('--budget <time>', 'time for everything: 90s, 30m, 8h').argParser(timeSpan).default(1800, '30m'),
    )
    .addOption(
      new Option('--configs <names>', 'configurations of Table 1')
        .argParser(listOf(CONFIGURATION_NAMES))
        .default(CONFIGURATION_NAMES, CONFIGURATION_NAMES.join()),
    )
    .addOption(
      new Option('--scales <S,...>', "training scales in the paper's pixels, at an input of 224")
        .argParser(listOf(PAPER_SCALES))
        .default(PAPER_SCALES, PAPER_SCALES.join()),
    )
    .addOption(
      new Option('--seeds <n>', 'most random seeds of each net; a short budget allows fewer')
        .argParser(integer(1, 100))
        .default(3),
    )
    .option(
      '--from-scratch',
      'every net starts from random weights with the same number of epochs, in place of deeper nets from A and later scales ' +
        'from the scale before',
      false,
    );
  const decided: readonly SettingName[] = DECIDED_BY_STUDY;
  addAllSettings(
    command,
    SETTING_NAMES.filter((name) => !decided.includes(name)),
    {},
    SETTINGS_OF_PAPER,
  );
  command
    .option('--out <dir>', 'the folder of the study, with a run for each net (default: runs/paper-TIME)')
    .option(
      '--resume <dir>',
      'continue a study that was interrupted; with a larger --budget, continue with the nets that were left out',
    )
    .option('--workers <n>', 'threads that decode images (0: the main thread)', integer(0, 64), 2);
  withRanks(command);
  withStrict(command);
  withEngine(command);
  return withOutput(command).action(() => run(paperArguments(command)));
}

/** Options that may be given with --resume. */
const MAY_RESUME_STUDY: ReadonlySet<string> = new Set([
  '--resume',
  '--budget',
  '--workers',
  '--ranks',
  '--hosts',
  '--mpirun',
  '--strict',
  '--json',
  '--quiet',
]);

function paperArguments(command: Command): PaperArguments {
  const options = command.opts<PaperArguments>();
  const written = (name: string) => command.getOptionValueSource(name) === 'cli';
  if (options.resume === undefined) return options;
  const other = command.options.find(
    (option) => written(option.attributeName()) && !MAY_RESUME_STUDY.has(option.long!),
  );
  if (other !== undefined)
    command.error(`error: --resume continues with the study's own options: leave out ${other.long}`);
  return written('budget') ? { ...options, extendTo: options.budget } : options;
}
