/** The options of `train`, and what a recipe or a resumed run makes of them. */

import { integer, readRecipe, recipeNames, SETTING_NAMES, type SettingName } from '@vgg/recipes/table';
import { Command } from 'commander';
import type { TrainArguments } from '../run/arguments';
import { KEEPING } from '../run/folder';
import { COMMAND } from '../terminal/command';
import type { Commands } from './commands';
import { addAllSettings } from './setting-options';
import { withEngine, withOutput, withRanks, withStrict } from './shared';

const DESCRIPTION = `Trains a net on a folder of images and saves the run. With --data alone it takes a small net that trains in minutes; \
--recipe paper takes the paper's own settings. Without --data it runs the demo: it draws its own \
images, trains two narrow nets on them and evaluates each and their fusion under every protocol.

The images are one folder per class, either in train/, val/ and test/ (or other usual names), or in one place, from which a \
fraction is kept for validation: photos/cat/1.jpg, photos/dog/1.jpg, ... Lists such as train.txt and val.txt divide \
one place into parts. The classes may also be in a table such as labels.csv next to the images. JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP and PPM images of \
any size are read, and so are the ILSVRC-2012 layout, WebDataset tar shards and the binary files of CIFAR-10 and CIFAR-100. \
Files that are not used are counted with the reason.`;

const EXAMPLES = `
A first run on photos/CLASS/*.jpg: a small net that trains in minutes, with a live report in the browser:
  ${COMMAND} train --data photos --ui
A trained net learns your classes; its net, input and scale come from the weights:
  ${COMMAND} train --recipe fine-tune --data photos --weights runs/mine --freeze features
Estimate time and memory of the paper's net D at full size, from a few steps:
  ${COMMAND} train --recipe paper --data photos --dry-run
A medium-sized net, and its prediction for one more image:
  ${COMMAND} train --data photos --config B --batch-norm --width 0.5 --input 112 --epochs 20 --out runs/mine
  ${COMMAND} predict --run runs/mine new.jpg --heat-map where.png
Continue an interrupted run, or an ended one for more epochs; train at the paper's next
scale, from the weights of a run; use the paper's recipe for ImageNet:
  ${COMMAND} train --resume runs/mine
  ${COMMAND} train --resume runs/mine --epochs 40
  ${COMMAND} train --data photos --scale 256:512 --weights runs/D-384 --rate 1e-3
  ${COMMAND} train --recipe imagenet-a-256 --data ILSVRC2012 --batch 128

The keys of a recipe are these options: --rate 0.1 is "rate: 0.1", --batch-norm is "batchNorm: true". An option overrides the
recipe: --no-batch-norm, --flip, --pre-init none and so on. Without --recipe and --data, the recipe is demo.
Out of memory? Lower --micro-batch. Not learning? Try --batch-norm or a lower --rate.`;

export function trainCommand(run: Commands['train']): Command {
  const command = new Command('train')
    .summary('train a net; without --data, the demo')
    .description(DESCRIPTION)
    .optionsGroup('Data:')
    .option('--recipe <name|file>', `take settings from a file; options override them: ${recipeNames().join(', ')}`);
  addAllSettings(command, SETTING_NAMES, {
    Run: () =>
      withRanks(command)
        .option('--keep <n>', 'newest checkpoints to keep, in addition to the best', integer(1), KEEPING.keep)
        .option(
          '--checkpoint-every <n>',
          'steps between checkpoints; one is also saved after each epoch',
          integer(1),
          KEEPING.checkpointEvery,
        )
        .option(
          '--resume [run]',
          'continue an interrupted run exactly from its checkpoint, with its own settings; --data if its images have ' +
            'moved, --epochs to train a run for longer (default: the run in runs/ trained last)',
        )
        .option(
          '--dry-run',
          'print the resolved recipe, and memory and time measured on a few real steps; do not train',
          false,
        )
        .option(
          '--find-rate',
          'try learning rates from 1e-5 to 1 in 100 steps, and draw the loss (learning-rates.svg, .csv); do not train',
          false,
        )
        .option(
          '--smoke',
          'train two steps on a few images, validate, evaluate and report, then delete the run: shows that all of it works',
          false,
        )
        .option('--workers <n>', 'threads that decode images (0: the main thread)', integer(0, 64), 2)
        .option('--ui', 'show a live report in the browser while training, on this machine only', false)
        .option('--ui-port <n>', 'port of --ui (default: 1409, or any free port if it is taken)', integer(1, 65535)),
  });
  withStrict(command);
  withEngine(command);
  return withOutput(command)
    .addHelpText('after', EXAMPLES)
    .action(() => run(trainArguments(command)));
}

/** Options that may be given with --resume: more epochs, images that have moved, and those that do not change the weights. */
const MAY_RESUME: ReadonlySet<string> = new Set([
  '--resume',
  '--data',
  '--epochs',
  '--keep',
  '--checkpoint-every',
  '--engine',
  '--device',
  '--workers',
  '--ranks',
  '--hosts',
  '--mpirun',
  '--ui',
  '--ui-port',
  '--strict',
  '--json',
  '--quiet',
]);

/** Returns the options given, completed by the recipe's; without data and recipe, the recipe is the demo. */
function trainArguments(command: Command): TrainArguments {
  const options = command.opts<TrainArguments>();
  const written = (name: string) => command.getOptionValueSource(name) === 'cli';
  if (options.resume !== undefined) {
    const other = command.options.find((option) => written(option.attributeName()) && !MAY_RESUME.has(option.long!));
    if (other !== undefined)
      command.error(`error: --resume continues with the run's own recipe: leave out ${other.long}`);
    const { data, epochs } = options;
    return { ...options, movedData: data, moreEpochs: written('epochs') ? epochs : undefined };
  }
  const given = new Set(SETTING_NAMES.filter(written));
  const own = options.task === 'localise' ? 'localise' : options.data === undefined ? 'demo' : undefined;
  const { recipe = own } = options;
  if (recipe === undefined) return withoutNone({ ...options, given });
  const { ...settings } = readRecipe(recipe);
  // The recipe's micro-batch may not divide a batch given on the command line.
  const divides = (options.batch ?? 0) % (settings.microBatch ?? 1) === 0;
  if (written('batch') && !written('microBatch') && !divides) delete settings.microBatch;
  // A run starts from at most one other: the one given replaces the recipe's, under either key.
  if (written('preInit') || written('weights')) for (const key of ['preInit', 'weights'] as const) delete settings[key];
  const unwritten = Object.entries(settings).filter(([name]) => !written(name));
  const fromRecipe = new Set(unwritten.map(([name]) => name as SettingName));
  return withoutNone({ ...options, recipe, ...Object.fromEntries(unwritten), given, fromRecipe });
}

/** Removes `--pre-init none` and `--weights none`, which override a recipe's. */
function withoutNone({ preInit, weights, ...options }: TrainArguments): TrainArguments {
  const given = Object.entries({ preInit, weights }).filter(([, run]) => run !== undefined && run !== 'none');
  return { ...options, ...Object.fromEntries(given) };
}
