/** `inspect FILE`: prints the tensors of a weight file, the net they belong to, and which are missing or left over. */

import { isVggError } from '@vgg/core';
import { type KnownName, knownWeights, type NetWeights, netUse, recogniseNet, type WeightSource } from '@vgg/weights';
import { architectureText, shortInputText } from '../nets/net-text';
import { netReference } from '../nets/reference';
import { openNamed } from '../nets/weight-file';
import { print, table } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

/** Returns the net in a file, or the reason why it does not hold one. */
function recognise(source: WeightSource): NetWeights | string {
  try {
    return recogniseNet(source);
  } catch (error) {
    if (isVggError(error)) return error.message;
    throw error;
  }
}

/** Returns the first names of a list, and the number of the others. */
function firstOf(names: readonly string[]): string {
  return names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');
}

async function describe(source: WeightSource, weights: NetWeights) {
  const { naming, prefix, options, report, others } = weights;
  return { naming: naming.name, prefix, options, report, others, ...(await netUse(source, weights)) };
}

function lines({ naming, prefix, options, report, others, ...use }: Awaited<ReturnType<typeof describe>>): string[] {
  const { width, head, classes } = options;
  const net = `${architectureText(options)}, width ${width}, input ${shortInputText(options)}, head ${head}`;
  const misshapen = report.misshapen.map(({ name, expected, got }) => `${name} [${got}] for [${expected}]`);
  return [
    `net: ${net}, ${classes} classes (names of ${naming}${prefix === '' ? '' : ` under ${JSON.stringify(prefix)}`})`,
    `fits: ${report.loaded.length} of ${report.loaded.length + report.missing.length + misshapen.length} weights`,
    ...(report.missing.length > 0 ? [`missing: ${firstOf(report.missing)}`] : []),
    ...(report.leftOver.length > 0 ? [`left over: ${firstOf(report.leftOver)}`] : []),
    ...(misshapen.length > 0 ? [`shape differs: ${firstOf(misshapen)}`] : []),
    ...(others.length > 0 ? [`other tensors: ${firstOf(others)}`] : []),
    use.preprocessing === undefined
      ? 'images: the preprocessing is not known'
      : `images: ${JSON.stringify(use.preprocessing)} (according to the ${use.describedBy})`,
    ...(use.classes.length > 0 ? [`classes: ${firstOf(use.classes)}`] : []),
  ];
}

/** Prints what is known of a published net, without downloading it. */
async function printPublished(name: KnownName, json: boolean): Promise<void> {
  const known = knownWeights(name);
  if (json) return print(JSON.stringify({ name, ...known }, null, 2));
  const rows = Object.entries(known).map(([key, value]) => [
    key,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  await print(`${table(['published net', name], rows, 2)}\n\nto download it: convert ${name} ${name}.safetensors`);
}

export async function inspectFile(file: string, json: boolean, terminal: Terminal): Promise<void> {
  const reference = netReference(file);
  if (reference.kind === 'published') return printPublished(reference.name, json);
  const source = await openNamed(file, terminal);
  try {
    const weights = recognise(source);
    const net = typeof weights === 'string' ? undefined : await describe(source, weights);
    const tensors = [...source.tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
    const { format, metadata } = source;
    if (json) return await print(JSON.stringify({ file, format, tensors, metadata, net: net ?? weights }, null, 2));
    const from =
      typeof weights === 'string' ? new Map() : new Map([...weights.tensors].map(([name, t]) => [t.from, name]));
    const rows = tensors.map(({ name, dtype, shape }) => [name, from.get(name) ?? '', dtype, `[${shape.join(', ')}]`]);
    const description = net === undefined ? [`net: none: ${weights}`] : lines(net);
    await print(
      `${table(['tensor', 'as', 'type', 'shape'], rows, 4)}\n\n${[`format: ${format}, ${tensors.length} tensors`, ...description].join('\n')}`,
    );
  } finally {
    await source.close();
  }
}
