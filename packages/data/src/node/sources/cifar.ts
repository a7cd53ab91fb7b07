/**
 * Opens CIFAR-10 and CIFAR-100 in their binary version. A record is one label byte (in CIFAR-100 two: coarse and fine) and 3072
 * bytes, the planes of a 32x32 RGB image (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009).
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { fsPath } from '../byte-names';
import { byName } from './files';
import { firstExisting, readLines } from './text';

const SIDE = 32;
const PIXELS = SIDE * SIDE * 3;

interface Variant {
  readonly name: string;
  readonly train: RegExp;
  readonly validation: string;
  readonly names: string;
  readonly classes: number;
  readonly labelBytes: number;
}

const VARIANTS: readonly Variant[] = [
  {
    name: 'CIFAR-10',
    train: /^data_batch_\d+\.bin$/,
    validation: 'test_batch.bin',
    names: 'batches.meta.txt',
    classes: 10,
    labelBytes: 1,
  },
  {
    name: 'CIFAR-100',
    train: /^train\.bin$/,
    validation: 'test.bin',
    names: 'fine_label_names.txt',
    classes: 100,
    labelBytes: 2,
  },
];

/** True if the files of a folder are CIFAR's. */
export function isCifar(files: readonly string[]): boolean {
  return VARIANTS.some(({ train, validation }) => files.some((file) => train.test(file) || file === validation));
}

/**
 * Opens the training part and the validation (test) part of a CIFAR folder; a part without files is `undefined`. The labels of
 * CIFAR-100 are the fine ones.
 * @throws VggError `VGG_DATASET` if a file does not consist of whole records, or a label is out of range.
 */
export async function openCifar(
  path: string,
  files: readonly string[],
): Promise<{
  layout: string;
  classes: readonly string[];
  train: ImageSource | undefined;
  validation: ImageSource | undefined;
  /** Names of the files that were read. */
  used: readonly string[];
}> {
  const variant = VARIANTS.find(({ train, validation }) =>
    files.some((file) => train.test(file) || file === validation),
  )!;
  const classes = await classNames(path, variant);
  const trainFiles = files.filter((file) => variant.train.test(file)).sort(byName);
  const validationFiles = files.filter((file) => file === variant.validation);
  const part = async (names: string[]) => (names.length === 0 ? undefined : openRecords(path, names, variant, classes));
  return {
    layout: variant.name,
    classes,
    train: await part(trainFiles),
    validation: await part(validationFiles),
    used: [...trainFiles, ...validationFiles, variant.names],
  };
}

async function classNames(path: string, { names, classes }: Variant): Promise<string[]> {
  const file = firstExisting(path, [names]);
  if (!file) return Array.from({ length: classes }, (_, i) => String(i));
  const lines = await readLines(file);
  if (lines.length !== classes)
    throw new VggError('dataset', `${file} must name ${classes} classes, got ${lines.length}`);
  return lines;
}

async function openRecords(
  root: string,
  files: readonly string[],
  { name, classes, labelBytes }: Variant,
  names: readonly string[],
): Promise<ImageSource> {
  const record = labelBytes + PIXELS;
  const labels: number[] = [];
  const counts: number[] = [];
  for (const file of files) {
    const path = join(root, file);
    const fileLabels = await readLabels(path, record, labelBytes);
    const wrong = fileLabels.findIndex((label) => label >= classes);
    if (wrong >= 0) {
      throw new VggError(
        'dataset',
        `${path}: record ${wrong} has label ${fileLabels[wrong]}, expected 0 to ${classes - 1}: is the file intact?`,
      );
    }
    for (const label of fileLabels) labels.push(label);
    counts.push(fileLabels.length);
  }
  const place = (index: number) => {
    let file = 0;
    let within = index;
    while (within >= counts[file]!) within -= counts[file++]!;
    return { file: files[file]!, within };
  };
  return {
    name: `${name} in ${root}`,
    classes: names,
    length: labels.length,
    label: (index) => labels[index]!,
    key: (index) => {
      const { file, within } = place(index);
      return `${file}#${within}`;
    },
    location: (index) => {
      const { file, within } = place(index);
      const offset = within * record + labelBytes;
      return { kind: 'planes', path: join(root, file), offset, width: SIDE, height: SIDE };
    },
  };
}

/** Reads the last label byte of each record. */
async function readLabels(path: string, record: number, labelBytes: number): Promise<Uint8Array> {
  const file = await open(fsPath(path));
  try {
    const { size } = await file.stat();
    if (size === 0 || size % record !== 0) {
      throw new VggError(
        'dataset',
        `${path} must consist of records of ${record} bytes, got ${size} bytes: is it complete?`,
      );
    }
    const bytes = await file.readFile();
    return Uint8Array.from({ length: size / record }, (_, i) => bytes[i * record + labelBytes - 1]!);
  } finally {
    await file.close();
  }
}
