/**
 * The command line: commands, options, defaults and their help. It reads and checks words; what the commands do is in
 * `commands/`.
 */
import { PUBLIC_DATA_SETS } from '@vgg/data';
import { CONFIGURATION_NAMES } from '@vgg/models';
import { Command, Option } from 'commander';
import { version } from '../package.json';
import { integer, listOf, oneOf, scaleList, timeSpan } from './arguments';
import type { ConvertArguments } from './commands/convert';
import type { EvaluateArguments } from './commands/evaluate';
import type { InspectArguments } from './commands/inspect';
import type { PaperArguments } from './commands/paper';
import type { PredictArguments } from './commands/predict';
import type { ReportArguments } from './commands/report';
import { ENGINE_NAMES } from './engine';
import { PAPER_SCALES } from './paper/figures';
import type { TrainArguments } from './prepare';
import { KEYS, readRecipe, recipeNames } from './recipe-file';
import { KEEPING } from './run-folder';

const PROTOCOLS = ['single', 'dense', 'multi-crop', 'both', 'all'] as const;

const DATA = `the images: a folder, or downloaded by name: ${Object.keys(PUBLIC_DATA_SETS).join(', ')}`;

/** What the commands do, injected so that the words can be tested without them. */
export interface Commands {
  train(options: TrainArguments): Promise<void>;
  evaluate(options: EvaluateArguments): Promise<void>;
  predict(images: readonly string[], options: PredictArguments): Promise<void>;
  inspect(file: string | undefined, options: InspectArguments): Promise<void>;
  convert(input: string, output: string, options: ConvertArguments): Promise<void>;
  report(run: string, options: ReportArguments): Promise<void>;
  paper(options: PaperArguments): Promise<void>;
}

function withOutput(command: Command): Command {
  return command
    .option('--json', 'results as one JSON document on stdout', false)
    .option('--quiet', 'no progress and no log: warnings, errors and results only', false)
    .helpOption('-h, --help', 'print this');
}

function withEngine(command: Command): Command {
  const engine = new Option('--engine <name>', `what computes: auto (the fastest here), ${ENGINE_NAMES.join(', ')}`);
  return command.addOption(engine.argParser(oneOf(['auto', ...ENGINE_NAMES])).default('auto'));
}

function withStrict(command: Command): Command {
  return command.option(
    '--strict',
    'stop at the first image that cannot be read, instead of skipping, counting and naming it',
    false,
  );
}

function withNetwork(command: Command): Command {
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

function trainCommand(run: Commands['train']): Command {
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
    .option('--rate <r>', 'initial learning rate', KEYS.rate, 0.01)
    .addOption(schedule.argParser(KEYS.schedule).default('plateau'))
    .option('--patience <n>', 'epochs without improvement after which plateau divides the rate', KEYS.patience, 5)
    .option('--warm-up <epochs>', 'epochs, or part of one, over which the rate first rises; 0: none', KEYS.warmUp, 0)
    .option('--momentum <m>', 'momentum', KEYS.momentum, 0.9)
    .option('--weight-decay <d>', 'L2 penalty', KEYS.weightDecay, 5e-4)
    .optionsGroup('Beyond the paper:')
    .option('--label-smoothing <e>', 'part of each target spread over all classes; 0: none', KEYS.labelSmoothing, 0)
    .option('--clip-norm <n>', "greatest norm of a step's gradient, scaled down to it; 0: any", KEYS.clipNorm, 0)
    .option(
      '--average-decay <d>',
      'averages the weights over about 1/(1 - d) steps; the averages are validated and saved; 0: off',
      KEYS.averageDecay,
      0,
    )
    .option('--early-stop <n>', 'ends after n epochs without a better validation; 0: never', KEYS.earlyStop, 0)
    .optionsGroup('Where it starts:')
    .option('--init <how>', 'how weights are drawn: glorot, he, normal:SIGMA', KEYS.init, 'glorot')
    .option('--pre-init <run>', 'take the first four convolutions and the head from a run of A (section 3.1)')
    .option(
      '--weights <run|file|name>',
      'start with the weights of a run of the same net, of a file of any framework, or of a published net ' +
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

/** Every value of an option that may be repeated. */
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

const WEIGHTS =
  "a net of any framework, or a published one's name (vgg16.tv_in1k, ...), instead of a run: .pth, .safetensors, .h5, " +
  '.keras, .caffemodel, model.json, .npz';

/** A command whose net is a run or a weight file, not both. */
function usedNet(command: Command): Command {
  const { run, weights } = command.opts<{ run?: readonly string[]; weights?: string }>();
  if (run === undefined && weights === undefined)
    command.error('error: which net? expected --run RUN or --weights FILE');
  if (run !== undefined && weights !== undefined)
    command.error('error: expected --run RUN or --weights FILE, got both: leave one out');
  return command;
}

function evaluateCommand(run: Commands['evaluate']): Command {
  const command = new Command('evaluate')
    .summary('error of trained networks, or of weights that you have, on a folder of images')
    .description(
      'Evaluates a run, the fusion of several (the mean of their posteriors) or the net of a weight file, as section 3.2 ' +
        "does. A weight file's net is given the mean and deviation that it was trained with; its classes must be the folders, " +
        "in their order (ImageNet's may be WordNet numbers). The images are as for train; of a data set with a validation " +
        'part, that part is used.',
    )
    .option('--run <dir>', 'the run; repeated, the runs to fuse; this or --weights', collect)
    .option('--weights <file|name>', WEIGHTS)
    .option('--data <dir|name>', `${DATA} (default: the first run's own validation images; needed with --weights)`)
    .option('--split <part>', 'val, train or all', oneOf(['val', 'train', 'all']), 'val')
    .option(
      '--protocol <name>',
      'single (one centre crop), dense, multi-crop (5×5 grid, flips), both (dense + multi-crop), all',
      oneOf(PROTOCOLS),
      'dense',
    )
    .option('--scales <Q,...>', "test scales (default: the paper's three for the net's training scale)", scaleList)
    .option('--limit <n>', 'evaluate n images, taken evenly over the set (default: all)', integer(1))
    .option('--predictions <file>', "write every image's five likeliest classes to a file of JSON lines");
  withStrict(command);
  withEngine(command);
  return withOutput(command)
    .addHelpText(
      'after',
      `
A run as the paper tests it, two fused, a published net (fetched once) by one centre crop, as its makers test it:
  pnpm --filter trainer start evaluate --run runs/mine --protocol all
  pnpm --filter trainer start evaluate --run runs/D-384 --run runs/E-384 --protocol both
  pnpm --filter trainer start evaluate --weights vgg16.tv_in1k --data ILSVRC2012 --protocol single --scales 256`,
    )
    .action(() => {
      const options = usedNet(command).opts<EvaluateArguments>();
      if (options.weights !== undefined && options.data === undefined)
        command.error('error: --weights has no images of its own: add --data DIR');
      return run(options);
    });
}

function predictCommand(run: Commands['predict']): Command {
  const command = new Command('predict')
    .summary('the five likeliest classes of images')
    .description(
      'Prints the five likeliest classes of each image. A run looks at it by the dense view, averaged over scales and flips; ' +
        'the net of a weight file or a published one by its own preprocessing, which comes with it, and its own class names.',
    )
    .argument('<image...>', 'image files')
    .option('--run <dir>', 'the run; repeated, the runs to fuse; this or --weights', collect)
    .option('--weights <file|name>', WEIGHTS)
    .option(
      '--scales <Q,...>',
      "test scales, evaluated densely (default: the run's own; with --weights one centre crop, as the net's makers did)",
      scaleList,
    )
    .option(
      '--heat-map <file>',
      'write where the dense view sees a class, laid over the image (one image; .png or .jpg)',
    )
    .option('--class <name>', 'the class that the heat map shows (default: the likeliest)');
  withEngine(command);
  return withOutput(command)
    .addHelpText(
      'after',
      `
By a run, by weights that you have, by a published net (fetched once):
  pnpm --filter trainer start predict --run runs/mine photo.jpg --heat-map where.png
  pnpm --filter trainer start predict --weights vgg16.pth photo.jpg
  pnpm --filter trainer start predict --weights vgg16.tv_in1k *.jpg --json`,
    )
    .action((images: readonly string[]) => run(images, usedNet(command).opts<PredictArguments>()));
}

function inspectCommand(run: Commands['inspect']): Command {
  const command = new Command('inspect')
    .summary('what a network is and costs, or what is in a weight file')
    .description(
      'Prints the layers, shapes, parameters, multiply-adds and memory of a network, without making it. With FILE, a ' +
        "weight file's tensors, which net they are, and what is missing, left over or of another shape: safetensors " +
        "(single or by index), PyTorch's .pth, Keras's .h5 and .keras, .caffemodel, TF.js's model.json, .npz. " +
        "A published net's name prints where it is and under which licence; nothing is fetched.",
    )
    .argument('[file]', 'a weight file, a run, or the name of a published net')
    .option('--run <dir>', 'inspect a trained run instead of a configuration');
  return withOutput(
    withNetwork(command)
      .option('--classes <n>', 'number of classes', integer(2, 1_000_000), 1000)
      .option('--micro-batch <n>', 'images computed at once, for the memory', integer(1), 32),
  ).action((file: string | undefined) => run(file, command.opts<InspectArguments>()));
}

function convertCommand(run: Commands['convert']): Command {
  const command = new Command('convert')
    .summary('a net of any framework for PyTorch, ONNX, TF.js in the browser, or here')
    .description(
      'Reads a net from a weight file of PyTorch, timm, Keras, Caffe, TF.js or NumPy, a run, or a published net by name ' +
        '(fetched once, checked and kept), and writes it for another framework, with class names and preprocessing where ' +
        'they are known. No engine is needed; one variable is in memory at a time.',
    )
    .argument('<in>', 'a weight file, a run, or a published net by name: vgg16.tv_in1k, vgg16.keras, vgg16.oxford, ...')
    .argument('<out>', 'net.safetensors, net.onnx, or a folder for TF.js')
    .option(
      '--to <format>',
      "safetensors (this project's), torchvision (safetensors for load_state_dict), onnx, tfjs, auto (by OUT)",
      oneOf(['auto', 'safetensors', 'torchvision', 'onnx', 'tfjs']),
      'auto',
    )
    .option(
      '--dtype <type>',
      'f32, f16, bf16 (safetensors), auto (f16 for tfjs, else f32)',
      oneOf(['auto', 'f32', 'f16', 'bf16']),
      'auto',
    )
    .option(
      '--view <view>',
      'of onnx and tfjs: classifier (images of the input size), dense (any height and width; section 3.2)',
      oneOf(['classifier', 'dense']),
      'classifier',
    )
    .option(
      '--head <kind>',
      'none: the convolutions alone; auto: all that the file has',
      oneOf(['auto', 'none']),
      'auto',
    )
    .option('--prefix <text>', 'which of several nets in the file (default: the only one)')
    .option('--input <side>', "side of the net's input in pixels (default: as its weights tell)", KEYS.input);
  return withOutput(command)
    .addHelpText(
      'after',
      `
Examples:
  pnpm --filter trainer start convert vgg16.tv_in1k vgg16.onnx --view dense
  pnpm --filter trainer start convert VGG_ILSVRC_16_layers.caffemodel vgg16.safetensors --to torchvision
  pnpm --filter trainer start convert runs/D-384 web --head none`,
    )
    .action((input: string, output: string) => run(input, output, command.opts<ConvertArguments>()));
}

function reportCommand(run: Commands['report']): Command {
  const command = new Command('report')
    .summary('make the report of a run, one HTML file to look at')
    .description(
      "Makes a run's report.html anew: curves, results, confusion, mistakes, class maps, crops, filters, time. " +
        'Training writes it too; this adds what was evaluated since. The file needs no network and no other file.',
    )
    .argument('<run>', "the run folder, or that of a study of paper's")
    .option(
      '--evaluate <protocol>',
      'evaluate first, and keep the results in the run: single, dense, multi-crop, both, all, none',
      oneOf([...PROTOCOLS, 'none']),
      'none',
    )
    .option('--scales <Q,...>', "test scales of --evaluate (default: the paper's three for the run's scale)", scaleList)
    .option('--limit <n>', 'evaluate n validation images, taken evenly (default: all)', integer(1))
    .option('--out <file>', 'where to write it (default: report.html in the run folder)');
  withEngine(command);
  return withOutput(command).action((path: string) => run(path, command.opts<ReportArguments>()));
}

function paperCommand(run: Commands['paper']): Command {
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

/** What an option does and, in the same words for all, what holds where it is not written. */
export function describeOption(option: Option): string {
  const { description, defaultValue, defaultValueDescription, mandatory, long } = option;
  if (mandatory) return `${description} (required)`;
  if (description.includes('(default') || long === '--help' || long === '--version') return description;
  const held = option.negate ? false : defaultValue;
  const words = held === undefined ? 'none' : typeof held === 'boolean' ? (held ? 'on' : 'off') : String(held);
  return `${description} (default: ${defaultValueDescription ?? words})`;
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

/** The whole command line. Errors of use are thrown as CommanderError; nothing exits. */
export function createProgram(commands: Commands): Command {
  const program = new Command('trainer')
    .description('VGG for TypeScript: the networks of arXiv:1409.1556, trained, evaluated and used on TF.js.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', '\nA first run: trainer train --help. Without a command, train; without images, its demo.')
    .addCommand(trainCommand(commands.train), { isDefault: true })
    .addCommand(evaluateCommand(commands.evaluate))
    .addCommand(predictCommand(commands.predict))
    .addCommand(reportCommand(commands.report))
    .addCommand(inspectCommand(commands.inspect))
    .addCommand(convertCommand(commands.convert))
    .addCommand(paperCommand(commands.paper))
    .helpCommand(false);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showSuggestionAfterError(true);
    command.configureHelp({ helpWidth: 110, optionDescription: describeOption });
    command.configureOutput({ outputError: () => {} });
  }
  return program;
}
