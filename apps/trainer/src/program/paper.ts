/** The options of `paper`, and what a resumed study makes of them. */
import { CONFIGURATION_NAMES } from '@vgg/models';
import { integer, listOf, timeSpan } from '@vgg/recipes/table';
import { Command, Option } from 'commander';
import type { PaperArguments } from '../commands/paper';
import { PAPER_SCALES } from '../paper/figures';
import type { Commands } from './commands';
import { addSettings, settingOptions } from './setting-options';
import { DATA, withEngine, withOutput, withStrict } from './shared';

/** Settings of `paper` that differ from those of `train`. */
const SETTINGS_OF_PAPER: readonly Option[] = [
  ...settingOptions('input', {
    default: undefined,
    defaultHelp: "in the paper's proportion to the images, 32 to 224",
  }),
  ...settingOptions('width', { default: 0.25 }),
  ...settingOptions('batchNorm', {
    default: true,
    help: 'no batch normalisation, as in the paper; the deeper nets then learn little in few epochs',
  }),
  ...settingOptions('dropout', { default: 0 }),
  ...settingOptions('epochs', { help: 'largest number of epochs per net, if the budget allows' }),
  ...settingOptions('batch', { defaultHelp: '64' }),
  ...settingOptions('rate', {
    default: 0.05,
    help: 'initial learning rate of nets trained from scratch, with a cosine schedule; later scales use a tenth',
  }),
];

export function paperCommand(run: Commands['paper']): Command {
  const command = new Command('paper')
    .summary("repeat the paper's study on your images within a time budget: Tables 3 to 6")
    .description(
      'Trains the given configurations and scales in the order of the paper (A, then deeper nets from its layers; each later ' +
        'scale from the weights of the one before), evaluates them under every protocol, and prints Tables 3 to 6 next to ' +
        "the paper's ImageNet results. It measures the speed of each net, divides the budget so that all nets get the same " +
        'number of epochs, and lists what was left out. The images are as for train.',
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
    );
  for (const option of SETTINGS_OF_PAPER) command.addOption(option);
  addSettings(command, ['head', 'microBatch', 'weightDecay', 'layout', 'valFraction', 'seed'])
    .option('--out <dir>', 'the folder of the study, with a run for each net (default: runs/paper-TIME)')
    .option(
      '--resume <dir>',
      'continue a study that was interrupted; with a larger --budget, continue with the nets that were left out',
    )
    .option('--workers <n>', 'threads that decode images (0: the main thread)', integer(0, 64), 2);
  withStrict(command);
  withEngine(command);
  return withOutput(command).action(() => run(paperArguments(command)));
}

/** Options that may be given with --resume. */
const MAY_RESUME_STUDY: ReadonlySet<string> = new Set([
  '--resume',
  '--budget',
  '--workers',
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
