/** The options of `train`, and what a recipe or a resumed run makes of them. */
import { Command, Option } from 'commander';
import { KEYS, readRecipe, recipeNames } from '../recipe/file';
import { integer } from '../recipe/kinds';
import { KEEPING } from '../run/folder';
import type { TrainArguments } from '../run/prepare';
import type { Commands } from './commands';
import { DATA, withEngine, withNetwork, withOutput, withStrict } from './shared';

export function trainCommand(run: Commands['train']): Command {
  const command = new Command('train')
    .summary('train a network; without --data, the demo')
    .description(
      'Trains a network on a folder of images and saves the run. Without --data it is the demo: it draws its own ' +
        'images, trains a narrow net on them and evaluates it under every protocol.\n\n' +
        'The images are one folder per class, in train/ and val/, or alone, when a part of each is kept for validation: ' +
        'photos/cat/1.jpg, photos/dog/1.jpg, ... JPEG, PNG, WebP, GIF, TIFF and AVIF of any size do. The ILSVRC-2012 ' +
        'layout, WebDataset tar shards and the binary files of CIFAR-10 and CIFAR-100 are taken as they are.',
    )
    .optionsGroup('What:')
    .option('--data <dir|name>', `${DATA} (default: the demo draws its own)`)
    .option('--recipe <name|file>', `settings from a file, which options override: ${recipeNames().join(', ')}`)
    .option('--val-fraction <f>', 'part of each class kept for validation where DIR has none', KEYS.valFraction, 0.1);
  const schedule = new Option(
    '--schedule <kind>',
    'plateau (÷10 when validation stalls, three times), cosine, constant',
  );
  const optimiser = new Option(
    '--optimiser <name>',
    "sgd, the paper's; muon: a step turns convolutions by the rate (try 0.02 to 0.06); needs --batch-norm, is for batches of 512 and more",
  );
  const freeze = new Option('--freeze <layers>', 'layers that stay as they are, like stage1,conv3_1 or features');
  withNetwork(command)
    .optionsGroup('Its images:')
    .option('--scale <S>', 'training scale: 256, or 256:512 for scale jittering (default: input × 256/224)', KEYS.scale)
    .option('--no-flip', 'leave out the random horizontal flips')
    .addOption(new Option('--flip').hideHelp())
    .option('--no-colour-shift', 'leave out the random colour shifts')
    .addOption(new Option('--colour-shift').hideHelp())
    .optionsGroup('Training:')
    .option('--batch <n>', 'images per step (default: 256, or what a smaller set fills)', KEYS.batch)
    .option('--micro-batch <n>', 'images computed at once; divides --batch (default: at most 32)', KEYS.microBatch)
    .option('--train-images <n>', 'train on n images, taken evenly over the set (default: all)', KEYS.trainImages)
    .option('--epochs <n>', 'passes over the training images', KEYS.epochs, 74)
    .option(
      '--validate-every <n>',
      'epochs from one validation to the next; the last epoch has one besides',
      KEYS.validateEvery,
      1,
    )
    .option('--rate <r>', 'initial learning rate', KEYS.rate, 0.01)
    .addOption(schedule.argParser(KEYS.schedule).default('plateau'))
    .option('--final-rate <r>', 'learning rate at the end of a cosine', KEYS.finalRate, 0)
    .option('--patience <n>', 'validations without improvement after which plateau divides the rate', KEYS.patience, 5)
    .option('--warm-up <epochs>', 'epochs, or part of one, over which the rate first rises; 0: none', KEYS.warmUp, 0)
    .option('--momentum <m>', 'momentum', KEYS.momentum, 0.9)
    .option('--weight-decay <d>', 'L2 penalty', KEYS.weightDecay, 5e-4)
    .optionsGroup('Beyond the paper:')
    .option(
      '--random-erasing <p>',
      'part of the crops in which a random rectangle is erased; 0: none',
      KEYS.randomErasing,
      0,
    )
    .option('--label-smoothing <e>', 'part of each target spread over all classes; 0: none', KEYS.labelSmoothing, 0)
    .option(
      '--cut-mix <p>',
      'part of the micro-batches whose pictures get parts of each other; 0: none',
      KEYS.cutMix,
      0,
    )
    .addOption(optimiser.argParser(KEYS.optimiser).default('sgd'))
    .option('--clip-norm <n>', "greatest norm of a step's gradient, scaled down to it; 0: any", KEYS.clipNorm, 0)
    .option(
      '--average-decay <d>',
      'averages the weights over about 1/(1 - d) steps; the averages are validated and saved; 0: off',
      KEYS.averageDecay,
      0,
    )
    .option('--early-stop <n>', 'ends after n validations none of which is the best; 0: never', KEYS.earlyStop, 0)
    .optionsGroup('Where it starts:')
    .option('--init <how>', 'how weights are drawn: glorot, he, normal:SIGMA', KEYS.init, 'glorot')
    .option('--pre-init <run>', 'take the first four convolutions and the head from a run of A (section 3.1)')
    .option(
      '--weights <run|file|name>',
      'start with the weights of a run of the same net (on smaller pictures too, where the classifier fits), of a file of ' +
        'any framework, or of a published net ' +
        '(vgg16.tv_in1k, ...); what does not fit of the classifier is drawn',
    )
    .addOption(freeze.argParser(KEYS.freeze).default([], 'none'))
    .optionsGroup('The run:')
    .option(
      '--max-steps <n>',
      'end after so many steps, in the middle of an epoch too (default: no limit)',
      KEYS.maxSteps,
    )
    .option('--seed <n>', 'names every random choice of the run', KEYS.seed, 1)
    .option('--out <dir>', 'the run folder (default: runs/CONFIG-TIME)')
    .option('--keep <n>', 'newest checkpoints that are kept, besides the best', integer(1), KEEPING.keep)
    .option(
      '--checkpoint-every <n>',
      'steps between checkpoints, besides those after each epoch',
      integer(1),
      KEEPING.checkpointEvery,
    )
    .option(
      '--resume [run]',
      'go on with an interrupted run exactly where it stopped, its own options hold (default: the run in runs/ trained last)',
    );
  command
    .option(
      '--dry-run',
      'print the recipe resolved, the memory and the time it takes, by a few real steps; train nothing',
      false,
    )
    .option('--workers <n>', 'threads that decode images; 0: the main thread decodes', integer(0, 64), 2)
    .option('--ui', 'show the report live in the browser while training, on this machine alone', false)
    .option('--ui-port <n>', 'port of --ui (default: 1409, or a free one where that is taken)', integer(1, 65535));
  withStrict(command);
  withEngine(command);
  return withOutput(command)
    .addHelpText(
      'after',
      `
A first run on photos/CLASS/*.jpg, of a small net that trains in minutes; look at it in the browser while it trains:
  pnpm --filter trainer start train --data photos --recipe demo --ui
How long the paper's D, at its own size, would take here, by a few steps of it:
  pnpm --filter trainer start train --data photos --dry-run
Something between, and what it thinks of one more picture:
  pnpm --filter trainer start train --data photos --config B --batch-norm --width 0.5 --input 112 --epochs 20 --out runs/mine
  pnpm --filter trainer start predict --run runs/mine new.jpg --heat-map where.png
On from an interrupted run; the paper's next scale, from the weights of the last; its recipe for ImageNet:
  pnpm --filter trainer start train --resume runs/mine
  pnpm --filter trainer start train --data photos --scale 256:512 --weights runs/D-384 --rate 1e-3
  pnpm --filter trainer start train --recipe imagenet-a-256 --data ILSVRC2012 --batch 128

A recipe's keys are these options: --rate 0.1 is "rate: 0.1", --batch-norm is "batchNorm: true". What a recipe sets is
unset by --no-batch-norm, --flip, --pre-init none and so on. Without --recipe and --data, the recipe is demo.
A run that fits no memory: lower --micro-batch. One that learns nothing: --batch-norm, or a lower --rate.`,
    )
    .action(() => run(trainArguments(command)));
}

/** What may be said anew of a run that is resumed: nothing that would change its weights. */
const MAY_RESUME: ReadonlySet<string> = new Set([
  ...['--resume', '--keep', '--checkpoint-every', '--engine', '--workers', '--ui', '--ui-port', '--strict', '--json'],
  '--quiet',
]);

/** The options, with those of the recipe where one was not written; the recipe is the demo where nothing says otherwise. */
function trainArguments(command: Command): TrainArguments {
  const options = command.opts<TrainArguments>();
  const written = (name: string) => command.getOptionValueSource(name) === 'cli';
  if (options.resume !== undefined) {
    const other = command.options.find((option) => written(option.attributeName()) && !MAY_RESUME.has(option.long!));
    if (other !== undefined)
      command.error(`error: --resume goes on with the run's own recipe: leave out ${other.long}`);
    return options;
  }
  const recipe = options.recipe ?? (options.data === undefined ? 'demo' : undefined);
  if (recipe === undefined) return withoutNone(options);
  const { ...settings } = readRecipe(recipe);
  // A batch that was written needs a micro-batch that divides it: the recipe's own may not.
  const divides = (options.batch ?? 0) % (settings.microBatch ?? 1) === 0;
  if (written('batch') && !written('microBatch') && !divides) delete settings.microBatch;
  // A run starts from one other at most: the one written replaces the recipe's, whichever key it is under.
  if (written('preInit') || written('weights')) for (const key of ['preInit', 'weights'] as const) delete settings[key];
  const unwritten = Object.entries(settings).filter(([name]) => !written(name));
  return withoutNone({ ...options, recipe, ...Object.fromEntries(unwritten) });
}

/** `--pre-init none` and `--weights none` start from no run, whatever the recipe says. */
function withoutNone({ preInit, weights, ...options }: TrainArguments): TrainArguments {
  const given = Object.entries({ preInit, weights }).filter(([, run]) => run !== undefined && run !== 'none');
  return { ...options, ...Object.fromEntries(given) };
}
