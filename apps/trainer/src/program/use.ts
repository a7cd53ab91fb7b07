/** The options of `evaluate`, `predict` and `report`, which use trained nets. */
import { LAYOUTS } from '@vgg/data/node';
import { MAP_METHODS } from '@vgg/eval';
import { integer, oneOf, scaleList } from '@vgg/recipes/table';
import { Command } from 'commander';
import type { EvaluateArguments } from '../commands/evaluate';
import type { PredictArguments } from '../commands/predict';
import type { ReportArguments } from '../commands/report';
import { COMMAND, SILENT_COMMAND } from '../terminal/command';
import type { Commands } from './commands';
import { collect, DATA, PROTOCOLS, usedNet, WEIGHTS, withEngine, withOutput, withRanks, withStrict } from './shared';

export function evaluateCommand(run: Commands['evaluate']): Command {
  const command = new Command('evaluate')
    .summary('measure the error of trained nets, or of a weight file, on a folder of images')
    .description(
      'Evaluates a run, the fusion of several runs (the mean of their posteriors) or the net of a weight file, as in section ' +
        '3.2. The net of a weight file uses the mean and standard deviation that it was trained with. The images are as for ' +
        'train; if the data set has a validation part, that part is used. Classes are matched by name, and the images may ' +
        'have only some of them (for ImageNet, the folders may be WordNet numbers).',
    )
    .argument('[run...]', 'the run, or several to fuse: the same as --run')
    .option('--run <dir>', 'the run; repeat it to fuse several; --run or --weights is required', collect)
    .option('--weights <file|name>', WEIGHTS)
    .option('--data <dir|name>', `${DATA} (default: the validation images of the first run; required with --weights)`)
    .option('--split <part>', 'val, train, test or all (val and train)', oneOf(['val', 'train', 'test', 'all']), 'val')
    .option(
      '--layout <kind>',
      `how the images lie: ${LAYOUTS.join(', ')} (default: as the run; recognised for other images)`,
      oneOf(LAYOUTS),
    )
    .option(
      '--protocol <name>',
      'single (one centre crop), dense, multi-crop (5×5 grid and flips), both (dense and multi-crop), all',
      oneOf(PROTOCOLS),
      'dense',
    )
    .option(
      '--scales <Q,...>',
      "test scales (default: the paper's three for the training scale of each net)",
      scaleList,
    )
    .option('--limit <n>', 'evaluate n images, taken evenly over the set (default: all)', integer(1))
    .option(
      '--max-pixels <n>',
      'largest number of pixels of a rescaled image; larger images are skipped (default: 8388608, 32:1 at Q = 512)',
      integer(1),
    )
    .option('--predictions <file>', 'write the five most likely classes of every image to a file of JSON lines');
  withStrict(command);
  withRanks(command);
  withEngine(command);
  return withOutput(command)
    .addHelpText(
      'after',
      `
Evaluate a run as the paper does; fuse two; evaluate a published net (downloaded once) by one centre crop, as its authors do:
  ${COMMAND} evaluate --run runs/mine --protocol all
  ${COMMAND} evaluate --run runs/D-384 --run runs/E-384 --protocol both
  ${COMMAND} evaluate --weights vgg16.tv_in1k --data ILSVRC2012 --protocol single --scales 256`,
    )
    .action((runs: readonly string[]) => {
      for (const path of runs) {
        command.setOptionValue('run', collect(path, command.getOptionValue('run') as string[] | undefined));
      }
      const options = usedNet(command).opts<EvaluateArguments>();
      if (options.weights !== undefined && options.data === undefined)
        command.error('error: --weights needs images: add --data DIR');
      return run(options);
    });
}

export function predictCommand(run: Commands['predict']): Command {
  const command = new Command('predict')
    .summary('print the five most likely classes of images')
    .description(
      'Prints the five most likely classes of each image. A run uses dense evaluation, averaged over scales and flips. The net ' +
        'of a weight file and a published net use their own preprocessing and class names. An image that cannot be read ' +
        'has a line on standard error; the other images are predicted, and the exit code is 2.',
    )
    .argument(
      '<image...>',
      'image files, folders, patterns such as "photos/**/*.jpg", addresses (http, https), - (standard input)',
    )
    .option('--run <dir>', 'the run; repeat it to fuse several; --run or --weights is required', collect)
    .option('--weights <file|name>', WEIGHTS)
    .option(
      '--scales <Q,...>',
      "test scales of dense evaluation (default: those of each run; with --weights one centre crop, as the net's authors do)",
      scaleList,
    )
    .option(
      '--heat-map <dir|file>',
      'draw the places that speak for a class next to each image: into a folder or, for one image, a .png or .jpg file',
    )
    .option(
      '--heat-map-method <name>',
      'occlusion (probability that is lost when a place is covered: marks objects best, takes a hundred passes), grad-cam (gradient of the class score: fast), class-map (probability at each place) (default: occlusion)',
      oneOf(MAP_METHODS),
    )
    .option('--class <name>', 'the class that the heat map shows (default: the most likely)')
    .option('--boxes <dir>', 'write the images with the box of the most likely class (a run of train --task localise)');
  withEngine(command);
  return withOutput(command)
    .addHelpText(
      'after',
      `
Classify with a run, with a weight file, with a published net (downloaded once):
  ${COMMAND} predict --run runs/mine photo.jpg --heat-map where.png
  ${COMMAND} predict --weights vgg16.pth photo.jpg
  ${COMMAND} predict --weights vgg16.tv_in1k *.jpg --json
Classify the images of a folder, of an address, of another program:
  ${COMMAND} predict --run runs/mine photos
  ${COMMAND} predict --run runs/mine https://example.com/photo.jpg
  curl -s https://example.com/photo.jpg | ${SILENT_COMMAND} predict --run runs/mine -`,
    )
    .action((images: readonly string[]) => run(images, usedNet(command).opts<PredictArguments>()));
}

export function reportCommand(run: Commands['report']): Command {
  const command = new Command('report')
    .summary('write the report of a run as one HTML file')
    .description(
      'Writes report.html of a run again: curves, results, confusion, mistakes, heat maps, crops, filters, time. Training ' +
        'writes it, too; this adds later evaluations. The file is self-contained and makes no network requests.',
    )
    .argument('<run>', 'the folder of a run, or of a study made by paper')
    .option(
      '--evaluate <protocol>',
      'evaluate first and save the results in the run: single, dense, multi-crop, both, all, none',
      oneOf([...PROTOCOLS, 'none']),
      'none',
    )
    .option('--scales <Q,...>', "test scales of --evaluate (default: the paper's three for the run's scale)", scaleList)
    .option('--limit <n>', 'evaluate n validation images, taken evenly (default: all)', integer(1))
    .option('--out <file>', 'the file to write (default: report.html in the run folder)');
  withEngine(command);
  return withOutput(command).action((path: string) => run(path, command.opts<ReportArguments>()));
}
