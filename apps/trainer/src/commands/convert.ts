/** `convert`: writes a net for another framework. Needs no TF.js backend, and holds one variable in memory at a time. */

import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { systemCode, systemReason, writeFileAtomically } from '@vgg/core/node';
import type { CropSize } from '@vgg/data';
import {
  checkedTensors,
  type ExportedView,
  type ExportOptions,
  exportOnnx,
  exportSafetensors,
  exportTfjs,
  type NetTensors,
  netUse,
  preprocessingText,
  recogniseNet,
} from '@vgg/weights';
import { architectureText } from '../nets/net-text';
import { openNamed } from '../nets/weight-file';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

export interface ConvertArguments {
  to: 'auto' | 'safetensors' | 'torchvision' | 'onnx' | 'tfjs';
  dtype: 'auto' | 'f32' | 'f16' | 'bf16';
  view: ExportedView;
  head: 'auto' | 'none';
  prefix?: string;
  input?: CropSize;
  preprocessing: 'outside' | 'inside';
  json: boolean;
  quiet: boolean;
}

type Format = Exclude<ConvertArguments['to'], 'auto'>;

/** Number types of each format, the default first. */
const DTYPES: Readonly<Record<Format, readonly ('f32' | 'f16' | 'bf16')[]>> = {
  safetensors: ['f32', 'f16', 'bf16'],
  torchvision: ['f32', 'f16', 'bf16'],
  onnx: ['f32'],
  tfjs: ['f16', 'f32'],
};

const ENDINGS: Readonly<Record<string, Format>> = { '.safetensors': 'safetensors', '.onnx': 'onnx', '': 'tfjs' };

/** Returns the format given by `--to`, or else by the output's name. */
function formatFor(output: string, to: ConvertArguments['to']): Format {
  const format = to === 'auto' ? ENDINGS[extname(output).toLowerCase()] : to;
  if (format !== undefined) return format;
  throw new VggError('argument', `expected OUT as .safetensors, .onnx or a folder (TF.js), or --to, got ${output}`);
}

function dtypeFor(format: Format, wanted: ConvertArguments['dtype']): 'F32' | 'F16' | 'BF16' {
  const possible = DTYPES[format];
  const dtype = wanted === 'auto' ? possible[0]! : possible.find((known) => known === wanted);
  if (dtype === undefined)
    throw new VggError('argument', `${format} takes --dtype ${possible.join(', ')}, got ${wanted}`);
  return dtype.toUpperCase() as 'F32' | 'F16' | 'BF16';
}

/** Returns the net with a progress of the variables that are read. */
function withProgress(net: NetTensors, total: number, terminal: Terminal) {
  const progress = terminal.progress('converting', total, 'tensors');
  let done = 0;
  const read: NetTensors['read'] = async (name) => {
    const values = await net.read(name);
    progress.update(++done);
    return values;
  };
  return { net: { ...net, read }, end: () => progress.end() };
}

interface Writing extends ExportOptions {
  readonly format: Format;
  readonly dtype: 'F32' | 'F16' | 'BF16';
}

/** Creates a folder and its parents. One by one: below /proc, `mkdir` of Node 20 with `recursive` never returns. */
async function makeFolder(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  await makeFolder(dirname(folder));
  try {
    await mkdir(folder);
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') return;
    throw new VggError('io', `cannot write ${folder}: ${systemReason(cause)}`, { cause });
  }
}

/** Writes the files of a graph model; `model.json` is written last, so that it exists only if all others do. */
async function writeFolder(net: NetTensors, folder: string, { dtype, ...options }: Writing): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, bytes } of exportTfjs(net, { ...options, dtype: dtype === 'F32' ? 'F32' : 'F16' })) {
    paths.push(join(folder, name));
    await writeFileAtomically(paths.at(-1)!, [bytes]);
  }
  return paths;
}

/** Writes the file or files and returns their paths. */
async function write(net: NetTensors, output: string, writing: Writing): Promise<string[]> {
  const { format, dtype, description } = writing;
  if (format === 'tfjs') return writeFolder(net, output, writing);
  const naming = format === 'torchvision' ? 'torchvision' : 'vgg';
  const parts = format === 'onnx' ? exportOnnx(net, writing) : exportSafetensors(net, { description, naming, dtype });
  await writeFileAtomically(output, parts);
  return [output];
}

export async function runConvert(
  input: string,
  output: string,
  options: ConvertArguments,
  terminal: Terminal,
): Promise<void> {
  const format = formatFor(output, options.to);
  const dtype = dtypeFor(format, options.dtype);
  const source = await openNamed(input, terminal);
  try {
    const weights = recogniseNet(source, {
      head: options.head === 'none' ? 'none' : undefined,
      prefix: options.prefix,
      inputSize: options.input,
    });
    const checked = checkedTensors(weights, source);
    const { classes, preprocessing, describedBy } = await netUse(source, weights);
    const description = preprocessing && { classes, preprocessing };
    if (preprocessing === undefined) {
      terminal.warn(`the preprocessing of ${input} is not known: the output will not contain it`);
    }
    if (options.preprocessing === 'inside' && format !== 'onnx' && format !== 'tfjs') {
      throw new VggError('argument', `--preprocessing inside needs a graph: expected onnx or tfjs, got ${format}`);
    }
    const { net, end } = withProgress(checked, weights.tensors.size, terminal);
    const writing = { format, dtype, view: options.view, description, preprocessing: options.preprocessing };
    await makeFolder(format === 'tfjs' ? resolve(output) : dirname(resolve(output)));
    const paths = await write(net, resolve(output), writing).finally(end);
    let bytes = 0;
    for (const path of paths) bytes += (await stat(path)).size;
    const { head } = weights.options;
    const result = { input, format: source.format, naming: weights.naming.name, net: weights.options, describedBy };
    if (options.json)
      return await print(JSON.stringify({ ...result, to: format, dtype, files: paths, bytes }, null, 2));
    const name = `${architectureText(weights.options)}${head === 'none' ? ' without a head' : ''}`;
    await print(
      `${input} (${source.format}, names of ${weights.naming.name}, net ${name}) → ${output} (${format}, ${dtype}, ` +
        `${bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`}${paths.length > 1 ? ` in ${paths.length} files` : ''})`,
    );
    if (preprocessing !== undefined && (format === 'onnx' || format === 'tfjs')) {
      const inside = options.preprocessing === 'inside';
      for (const line of preprocessingText(preprocessing, weights.options.inputSize, inside)) terminal.say(line);
    }
  } finally {
    await source.close();
  }
}
