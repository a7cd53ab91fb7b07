/** `inspect`: prints the layers and costs of a net, or the contents of a weight file. */

import { formatSummary, summarise } from '@vgg/models';
import type { Settings } from '@vgg/recipes';
import { headFor, netOptions } from '@vgg/recipes';
import { architectureText, inputText } from '../nets/net-text';
import { readRecord } from '../run/folder';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

export interface InspectArguments
  extends Pick<Settings, 'config' | 'batchNorm' | 'width' | 'input' | 'head' | 'dropout'> {
  run?: string;
  classes: number;
  microBatch: number;
  json: boolean;
  quiet: boolean;
}

export async function runInspect(
  file: string | undefined,
  options: InspectArguments,
  terminal: Terminal,
): Promise<void> {
  if (file !== undefined) return (await import('./inspect-file')).inspectFile(file, options.json, terminal);
  const record = options.run === undefined ? undefined : await readRecord(options.run);
  const net = record?.net ?? netOptions({ ...options, head: headFor(options) }, options.classes);
  const summary = summarise(net, { batch: options.microBatch });
  if (options.json) return print(JSON.stringify({ net, classes: record?.classes, ...summary }, null, 2));
  const { width, classes } = net;
  await print(
    `${architectureText(net)}, input ${inputText(net)}, width ${width}, ${classes} classes\n\n${formatSummary(summary).trimEnd()}`,
  );
}
