/** The options of `inspect` and `convert`, which read nets and weight files. */

import { integer, oneOf, SETTING_NAMES, SETTINGS, settingOf } from '@vgg/recipes/table';
import { Command } from 'commander';
import type { ConvertArguments } from '../commands/convert';
import type { InspectArguments } from '../commands/inspect';
import { COMMAND } from '../terminal/command';
import type { Commands } from './commands';
import { addSettings } from './setting-options';
import { withOutput } from './shared';

const NET_SETTINGS = SETTING_NAMES.filter((name) => settingOf(name).group === 'Net');

export function inspectCommand(run: Commands['inspect']): Command {
  const command = new Command('inspect')
    .summary('show what a net consists of and costs, or the contents of a weight file')
    .description(
      'Prints the layers, shapes, parameters, multiply-adds and memory of a net, without creating it. With FILE, prints the ' +
        'tensors of a weight file, the net they belong to, and which weights are missing, left over or of another shape. ' +
        "Formats: safetensors (single or by index), PyTorch's .pth, Keras's .h5 and .keras, .caffemodel, TF.js's " +
        'model.json, .onnx, .npz. For the name of a published net, prints its address and licence; nothing is downloaded.',
    )
    .argument('[file]', 'a weight file, a run, or the name of a published net')
    .option('--run <dir>', 'inspect a trained run instead of a configuration')
    .optionsGroup('Net:');
  addSettings(command, NET_SETTINGS)
    .option('--classes <n>', 'number of classes', integer(2, 1_000_000), 1000)
    .option('--micro-batch <n>', 'images computed at once, for the estimate of memory', integer(1), 32);
  return withOutput(command).action((file: string | undefined) => run(file, command.opts<InspectArguments>()));
}

export function convertCommand(run: Commands['convert']): Command {
  const command = new Command('convert')
    .summary('convert the weights of a net between frameworks')
    .description(
      'Reads a net from a weight file (PyTorch, timm, Keras, Caffe, TF.js, ONNX, NumPy), from a run, or by the name of a published ' +
        'net (downloaded once, checked and kept), and writes it for another framework, with class names and preprocessing ' +
        'if they are known. Only one variable is in memory at a time.',
    )
    .argument('<in>', 'a weight file, a run, or a published net: vgg16.tv_in1k, vgg16.keras, vgg16.oxford, ...')
    .argument('<out>', 'net.safetensors, net.onnx, or a folder for TF.js')
    .option(
      '--to <format>',
      "safetensors (this project's names), torchvision (safetensors for load_state_dict), onnx, tfjs, auto (by OUT)",
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
      'for onnx and tfjs: classifier (images of the input size) or dense (any height and width; section 3.2)',
      oneOf(['classifier', 'dense']),
      'classifier',
    )
    .option(
      '--head <kind>',
      'auto: every layer of the file; none: only the convolutions',
      oneOf(['auto', 'none']),
      'auto',
    )
    .option(
      '--preprocessing <place>',
      'for onnx and tfjs: outside (the graph takes preprocessed pixels) or inside (it takes RGB from 0 to 255)',
      oneOf(['outside', 'inside']),
      'outside',
    )
    .option('--prefix <text>', 'selects one of several nets in the file (default: the only one)')
    .option(
      '--input <size>',
      "size of the net's input in pixels, such as 224 or 64x128 (default: found from its weights)",
      SETTINGS.input.kind,
    );
  return withOutput(command)
    .addHelpText(
      'after',
      `
Examples:
  ${COMMAND} convert vgg16.tv_in1k vgg16.onnx --view dense
  ${COMMAND} convert VGG_ILSVRC_16_layers.caffemodel vgg16.safetensors --to torchvision
  ${COMMAND} convert runs/D-384 web --head none`,
    )
    .action((input: string, output: string) => run(input, output, command.opts<ConvertArguments>()));
}
