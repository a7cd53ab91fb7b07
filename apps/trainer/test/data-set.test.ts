/** Messages of the trainer about a data set: its layout, unused files, matched classes, duplicates. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rawSource } from '@vgg/data';
import { openSource, trainingStatistics } from '@vgg/data/node';
import { IMAGENET_CLASSES, IMAGENET_SYNSETS } from '@vgg/weights';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withClassesOf } from '../src/evaluate/classes';
import type { Evaluated } from '../src/evaluate/nets';
import { openTrainingData } from '../src/images/data-set';
import { describeData, reportCopies, reportDuplicates, reportSharedImages } from '../src/images/describe';
import { compareData, readImages, saveImages } from '../src/run/images';
import type { Terminal } from '../src/terminal/terminal';

function recorder(): { terminal: Terminal; lines: string[] } {
  const lines: string[] = [];
  const terminal: Terminal = {
    say: (line) => lines.push(line),
    warn: (line) => lines.push(`warning: ${line}`),
    progress: () => ({ update: () => {}, end: () => {} }),
  };
  return { terminal, lines };
}

/** Makes a folder of files, which is removed after the test. */
function folder(files: Record<string, Uint8Array | string>): string {
  const root = mkdtempSync(join(tmpdir(), 'vgg-data-set-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

const net = (classes: readonly string[]): Evaluated => ({
  name: 'the net',
  classes,
  nets: [],
  scales: [],
  runs: [],
  trained: [],
  dispose: () => {},
});
const images = (classes: string[], labels: number[]) =>
  rawSource({ images: new Uint8Array(labels.length * 3), labels, classes, width: 1, height: 1 });

describe('a data set', () => {
  it('is described: the choice of its layout, files that are lost, other files', async () => {
    const { terminal, lines } = recorder();
    const names = ['bus/1.jpg', 'train/2.jpg', 'bus/3.heic', 'bus/4.HEIC', 'bus/5.jxl', 'notes.txt', '.DS_Store'];
    describeData(await openSource(folder(Object.fromEntries(names.map((name) => [name, ''])))), terminal);
    expect(lines).toEqual([
      'train: taken for classes, as bus; if they are parts of the data set: --layout parts',
      'warning: files not used: 3 (image formats that are not read: convert them; 2 .heic, 1 .jxl; such as bus/3.heic)',
      expect.stringMatching(
        /^other files: 1 \(hidden .*; such as \.DS_Store\), 1 \(not images; 1 \.txt; such as notes\.txt\)$/,
      ),
    ]);
  });

  it('is searched for validation images that are training images, too', async () => {
    const noise = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => 128 + 120 * Math.sin(i * i));
    const photo = sharp(noise, { raw: { width: 64, height: 48, channels: 3 } }).blur(4);
    const files = { 'train/a/1.png': await photo.png().toBuffer(), 'val/a/2.jpg': await photo.jpeg().toBuffer() };
    const { terminal, lines } = recorder();
    await reportDuplicates(await openSource(folder(files)), terminal);
    expect(lines).toEqual([
      'no image lies in several classes with the same bytes',
      expect.stringMatching(/^warning: 1 of 1 validation images are nearly .* such as a.2\.jpg and a.1\.png/),
    ]);
  });
});

describe('a table of labels', () => {
  const labels = (first: string) =>
    ['id,breed', ...[1, 2, 3, 4].map((i) => `${i},${i % 2 === 0 ? first : 'dog'}`)].join('\n');
  const files = Object.fromEntries([1, 2, 3, 4].map((i) => [`images/${i}.jpg`, `content ${i}`]));

  it('is described, and its images are split by class', async () => {
    const { terminal, lines } = recorder();
    const path = folder({ ...files, 'images/5.jpg': '', 'labels.csv': labels('cat') });
    const data = await openTrainingData(path, { valFraction: 0.5, layout: 'auto' });
    describeData(data, terminal);
    expect([data.train.length, data.validation!.length, data.isSplit]).toEqual([2, 2, true]);
    expect(lines).toEqual([
      'labels.csv has the classes (column breed: dog, cat) of 4 images (column id); for folders instead: --layout folders',
      'warning: files not used: 1 (images to which no table gives a class; 1 .jpg; such as images/5.jpg)',
    ]);
  });

  it('is that of a run wherever it lies, but not with other classes of the images', async () => {
    const run = mkdtempSync(join(tmpdir(), 'vgg-run-'));
    onTestFinished(() => rmSync(run, { recursive: true }));
    const path = folder({ ...files, 'labels.csv': labels('cat') });
    await saveImages(run, path, await openTrainingData(path, { valFraction: 0.5, layout: 'auto' }));
    const record = {
      recipe: { valFraction: 0.5 },
      classes: ['cat', 'dog'],
      images: { train: 2, validation: 2 },
    } as never;
    const compare = async (table: string) => {
      const moved = folder({ ...files, 'labels.csv': table });
      return compareData(await openSource(moved), moved, record, await readImages(run));
    };
    expect(await compare(labels('cat'))).toBe('same');
    const swapped = labels('cat').replaceAll(/cat|dog/g, (name) => (name === 'cat' ? 'dog' : 'cat'));
    expect(await compare(swapped)).toBe('other');
  });
});

describe('an image in two classes', () => {
  it('is named once: with its statistics, or by --check-duplicates', async () => {
    const photo = (shade: number) =>
      sharp({ create: { width: 8, height: 8, channels: 3, background: { r: shade, g: 9, b: 9 } } })
        .png()
        .toBuffer();
    const [one, two, three] = await Promise.all([photo(1), photo(2), photo(3)]);
    const path = folder({ 'a/1.png': one, 'a/2.png': two, 'b/3.png': one, 'b/4.png': three, 'b/5.png': three });
    const data = await openTrainingData(path, { valFraction: 0, layout: 'auto' });
    const { copies } = await trainingStatistics(data.train, { workers: 0, cache: null });
    const found = recorder();
    reportCopies(copies, found.terminal);
    expect(found.lines).toEqual([
      'warning: 1 training image lies in several classes, with the same bytes, such as a/1.png and b/3.png: keep each in one class; ' +
        '--check-duplicates names them',
    ]);
    const named = recorder();
    await reportDuplicates(data, named.terminal);
    expect(named.lines).toEqual(['warning: in several classes, with the same bytes: a/1.png, b/3.png']);
  });
});

describe('training images', () => {
  it('that are validation or test images too are named, by their content', async () => {
    const { terminal, lines } = recorder();
    const files = Object.fromEntries(
      ['a/1', 'a/2', 'b/1', 'b/2'].map((name) => [`train/${name}.png`, `content ${name}`]),
    );
    const path = folder({
      ...files,
      'val/a/9.png': 'content a/1',
      'val/b/9.png': 'other',
      'test/b/x.png': 'content b/2',
    });
    reportSharedImages(path, await openTrainingData(path, { valFraction: 0.1, layout: 'auto' }), terminal);
    expect(lines).toEqual([
      expect.stringMatching(/^warning: 1 of 4 training images that were compared are validation images too: /),
      expect.stringMatching(/^warning: 1 of 4 training images that were compared are test images too: /),
    ]);
  });

  it('of every class are needed', async () => {
    const path = folder({ 'data_batch_1.bin': new Uint8Array(3073) });
    await expect(openTrainingData(path, { valFraction: 0, layout: 'auto' })).rejects.toThrow(
      /has no training images of 9 of its 10 classes: .*, …; add images of them, or take them out of the classes$/,
    );
  });
});

describe('the classes of evaluated images', () => {
  it('are matched by name with those of the net, which is said', () => {
    const { terminal, lines } = recorder();
    const source = withClassesOf(net(['0', '180', '270', '90']), images(['0', '270', '90'], [0, 1, 2, 2]), terminal);
    expect([0, 1, 2, 3].map((index) => source.label(index))).toEqual([0, 2, 3, 3]);
    expect(source.classes).toHaveLength(4);
    expect(lines).toEqual([
      'classes are matched by name: the data set has 3 of the 4 classes of the net; without images: 180',
    ]);
  });

  it('may be WordNet numbers of some ImageNet classes', () => {
    const { terminal, lines } = recorder();
    // Imagenette's first and last class: tench and parachute.
    const source = withClassesOf(net(IMAGENET_CLASSES), images(['n01440764', 'n03888257'], [0, 1]), terminal);
    expect([source.label(0), source.label(1)]).toEqual([0, 701]);
    expect([IMAGENET_CLASSES[0], IMAGENET_CLASSES[701]]).toEqual(['tench', 'parachute']);
    expect(lines).toEqual([
      expect.stringMatching(/such as n01440764 as tench: the data set has 2 of the 1000 classes/),
    ]);
    expect(IMAGENET_SYNSETS).toHaveLength(1000);
    expect([...IMAGENET_SYNSETS].sort()).toEqual(IMAGENET_SYNSETS);
  });

  it('stay as they are if they are the same', () => {
    const { terminal, lines } = recorder();
    const source = images(['cat', 'dog'], [1, 0]);
    expect(withClassesOf(net(['cat', 'dog']), source, terminal)).toBe(source);
    expect(lines).toEqual([]);
  });
});
