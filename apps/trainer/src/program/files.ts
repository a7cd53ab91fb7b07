/** The options of `inspect` and `convert`, which look at nets and weight files. */
import { Command } from 'commander';
import type { ConvertArguments } from '../commands/convert';
import type { InspectArguments } from '../commands/inspect';
import { KEYS } from '../recipe/file';
import { integer, oneOf } from '../recipe/kinds';
import type { Commands } from './commands';
import { withNetwork, withOutput } from './shared';

export function inspectCommand(run: Commands['inspect']): Command {
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

export function convertCommand(run: Commands['convert']): Command {
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
