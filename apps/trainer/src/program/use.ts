/** The options of `evaluate`, `predict` and `report`, which use trained nets. */
import { Command } from 'commander';
import type { EvaluateArguments } from '../commands/evaluate';
import type { PredictArguments } from '../commands/predict';
import type { ReportArguments } from '../commands/report';
import { integer, oneOf, scaleList } from '../recipe/kinds';
import type { Commands } from './commands';
import { collect, DATA, PROTOCOLS, usedNet, WEIGHTS, withEngine, withOutput, withStrict } from './shared';

export function evaluateCommand(run: Commands['evaluate']): Command {
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

export function predictCommand(run: Commands['predict']): Command {
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

export function reportCommand(run: Commands['report']): Command {
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
