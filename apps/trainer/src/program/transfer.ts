/** The options of `transfer`: the linear classifiers and the image search of Appendix B. */
import { LAYOUTS } from '@vgg/data/node';
import { integer, oneOf, scaleList } from '@vgg/recipes/table';
import { Command, InvalidArgumentError } from 'commander';
import type { TransferArguments } from '../commands/transfer';
import { COMMAND } from '../terminal/command';
import type { Commands } from './commands';
import { DATA, WEIGHTS, withEngine, withOutput, withStrict } from './shared';

/** Parses `0.1,1,10`. */
function positiveNumbers(text: string): readonly number[] {
  const values = text.split(',').map((word) => (word.trim() === '' ? Number.NaN : Number(word)));
  if (values.every((value) => value > 0 && Number.isFinite(value))) return values;
  throw new InvalidArgumentError('Expected numbers above 0, such as 0.1,1,10.');
}

export function transferCommand(run: Commands['transfer']): Command {
  const command = new Command('transfer')
    .summary('classify your images by descriptors of a trained net and a linear SVM (Appendix B), or search them')
    .description(
      'Describes every image by the last hidden layer of a net, averaged over positions and the mirror image, and fits a linear ' +
        'classifier to the descriptors: no training of the net. Prints the accuracy over random splits, or on the test part if there ' +
        'is one; --out writes a predictor for predict. Descriptors are kept, so that an interrupted or repeated command does not ' +
        'compute them again. With --nearest, prints the images most like one image.',
    )
    .requiredOption(
      '--weights <net>',
      WEIGHTS.replace('weights to use instead of a run: a file', 'the net: a run, a file'),
    )
    .requiredOption('--data <dir|name>', DATA)
    .option('--layout <kind>', `how the images lie: ${LAYOUTS.join(', ')} (default: recognised)`, oneOf(LAYOUTS))
    .optionsGroup('Descriptors:')
    .option('--scales <Q,...>', "smallest sides of the images in pixels (default: the net's own scale)", scaleList)
    .option('--combination <how>', 'several scales: average or stack', oneOf(['average', 'stack']), 'average')
    .option('--tap <layer>', 'the layer, such as relu7 or pool4 (default: the last hidden one)')
    .option('--no-flip', 'without the mirror images: half the time')
    .option('--cache <dir>', 'folder of the descriptors (default: vgg/descriptors in the cache of the user)')
    .optionsGroup('Classifier:')
    .option('--kind <classifier>', 'svm (linear, one-versus-rest) or logistic', oneOf(['svm', 'logistic']), 'svm')
    .option(
      '--cost <C,...>',
      'C, the weight of the loss: one number, or several to compare by cross-validation (default: 0.1,1,10,100,1000)',
      positiveNumbers,
    )
    .option('--per-class <n>', 'training images of each class in a random split', integer(1), 15)
    .option('--test-per-class <n>', 'largest number of test images of each class in a random split', integer(1), 50)
    .option('--splits <n>', 'number of random splits', integer(1, 1000), 3)
    .option('--seed <n>', 'random seed of the splits and of cross-validation', integer(0), 0)
    .option(
      '--out <file>',
      'write a predictor (.safetensors) for predict --weights, fitted to all images, or to the training part if there is a test part',
    )
    .optionsGroup('Search:')
    .option('--nearest <image>', 'print the images of --data most like this one; the folder needs no classes')
    .option('--neighbours <n>', 'number of images that --nearest prints', integer(1), 5)
    .optionsGroup('Other:');
  withStrict(command);
  withEngine(command);
  return withOutput(command)
    .addHelpText(
      'after',
      `
Classify photographs in class folders by a published net, and use the predictor; find similar photographs:
  ${COMMAND} transfer --weights vgg16.tv_in1k --data photos --per-class 30 --out photos.safetensors
  ${COMMAND} predict --weights photos.safetensors new/*.jpg
  ${COMMAND} transfer --weights vgg16.tv_in1k --data photos --nearest one.jpg`,
    )
    .action(() => run(command.opts<TransferArguments>()));
}
