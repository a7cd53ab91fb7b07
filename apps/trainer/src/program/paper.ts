/** The options of `paper`, and what a resumed study makes of them. */

import { CONFIGURATION_NAMES } from '@vgg/models';
import { Command, Option } from 'commander';
import type { PaperArguments } from '../commands/paper';
import { PAPER_SCALES } from '../paper/figures';
import { KEYS } from '../recipe/file';
import { integer, listOf, timeSpan } from '../recipe/kinds';
import type { Commands } from './commands';
import { DATA, withEngine, withOutput, withStrict } from './shared';

export function paperCommand(run: Commands['paper']): Command {
  const command = new Command('paper')
    .summary("the paper's study on your images within a budget: Tables 3 to 6")
    .description(
      'Trains the configurations and scales asked for, chained as the paper chains them (A, then deeper nets from its ' +
        'layers; each later scale from the weights of the one before), evaluates them under every protocol, and prints ' +
        "Tables 3 to 6 with the paper's ImageNet figures beside them. It measures each net, divides the budget so that all " +
        'get the same epochs, and says what was left out. The images are as for train.',
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
    .option(
      '--input <side>',
      "side of the training crop (default: in the paper's proportion to the images, 32 to 224)",
      KEYS.input,
    )
    .option('--width <factor>', 'multiplies the numbers of filters and hidden units', KEYS.width, 0.25)
    .addOption(
      new Option('--head <kind>', 'hidden fully-connected layers, as for train').argParser(KEYS.head).default('auto'),
    )
    .option('--no-batch-norm', 'as in the paper; few epochs then teach the deeper nets little')
    .option('--dropout <p>', 'dropout of the hidden fully-connected layers', KEYS.dropout, 0)
    .option('--epochs <n>', 'the most epochs of a net, if the budget allows', KEYS.epochs, 74)
    .option('--batch <n>', 'images per step (default: 64)', KEYS.batch)
    .option('--micro-batch <n>', 'images computed at once; divides --batch (default: at most 32)', KEYS.microBatch)
    .option(
      '--rate <r>',
      'initial rate of nets from scratch, falling as a cosine; later scales take a tenth',
      KEYS.rate,
      0.05,
    )
    .option('--weight-decay <d>', 'L2 penalty', KEYS.weightDecay, 5e-4)
    .option('--val-fraction <f>', 'part of each class kept for validation where DIR has none', KEYS.valFraction, 0.1)
    .option('--seed <n>', 'names every random choice', KEYS.seed, 1)
    .option('--out <dir>', 'the folder of the study, with a run for each net (default: runs/paper-TIME)')
    .option(
      '--resume <dir>',
      'go on with a study that was interrupted, or, with a larger --budget, with what it left out',
    )
    .option('--workers <n>', 'threads that decode images; 0: the main thread decodes', integer(0, 64), 2);
  withStrict(command);
  withEngine(command);
  return withOutput(command).action(() => run(paperArguments(command)));
}

/** What may be said anew of a study that is resumed: how it computes, and how long it may take. */
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
    command.error(`error: --resume goes on with the study's own options: leave out ${other.long}`);
  return { ...options, ...(written('budget') && { extendTo: options.budget }) };
}
