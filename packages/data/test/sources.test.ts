import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { create } from 'tar';
import { describe, expect, it } from 'vitest';
import { type ImageSource, rawSource, splitByClass } from '../src';
import { decodeImage, expandBraces, openClassFolders, openSource } from '../src/node';
import { folder, jpeg, patternImage, png } from './images';

const META = new URL('fixtures/meta.mat', import.meta.url);

const keysOf = (source: ImageSource) => Array.from({ length: source.length }, (_, i) => source.key(i));
const labelsOf = (source: ImageSource) => Array.from({ length: source.length }, (_, i) => source.label(i));

async function readMeta(): Promise<Buffer> {
  const { readFile } = await import('node:fs/promises');
  return readFile(META);
}

/** Expects that opening `files` as a data set fails with this message. */
async function fails(files: Record<string, Uint8Array | string>, message: RegExp, below = ''): Promise<void> {
  await expect(openSource(join(folder(files), below))).rejects.toMatchObject({
    code: 'VGG_DATASET',
    message: expect.stringMatching(message),
  });
}

describe('class folders', () => {
  const files = {
    'b/2.png': '',
    'b/1.JPG': '',
    'a/deep/3.webp': '',
    'a/notes.txt': '',
    '.git/x.jpg': '',
    'a/.4.jpg': '',
  };

  it('are read in order, without hidden and other files', async () => {
    const { layout, train, validation, classes } = await openSource(folder(files));
    expect({ layout, validation, classes }).toEqual({
      layout: 'class folders',
      validation: undefined,
      classes: ['a', 'b'],
    });
    expect(keysOf(train!)).toEqual([join('a', 'deep', '3.webp'), join('b', '1.JPG'), join('b', '2.png')]);
    expect(labelsOf(train!)).toEqual([0, 1, 1]);
  });

  it('may be links', async () => {
    const root = folder({ 'a/1.jpg': '' });
    symlinkSync(join(root, 'a'), join(root, 'b'));
    symlinkSync(join(root, 'nowhere'), join(root, 'c'));
    expect((await openSource(root)).classes).toEqual(['a', 'b']);
  });

  it('may have train and val folders, whose labels agree', async () => {
    const { train, validation } = await openSource(
      folder({ 'train/a/1.jpg': '', 'train/b/2.jpg': '', 'train/c/3.jpg': '', 'val/c/4.jpg': '' }),
    );
    expect(labelsOf(train!)).toEqual([0, 1, 2]);
    expect(labelsOf(validation!)).toEqual([2]);
    await fails({ 'train/a/1.jpg': '', 'val/z/2.jpg': '' }, /z is a class that the training set does not have/);
  });

  it('are split at random by a fraction of every class, which depends on the seed', async () => {
    const many = Object.fromEntries(
      ['a', 'b'].flatMap((name) => Array.from({ length: 10 }, (_, i) => [`${name}/${i}.jpg`, ''])),
    );
    const root = folder(many);
    const { train, validation } = await openSource(root, { validationFraction: 0.2, seed: 1 });
    expect(labelsOf(validation!)).toEqual([0, 0, 1, 1]);
    expect([...keysOf(train!), ...keysOf(validation!)].sort()).toEqual(Object.keys(many).sort());
    const again = await openSource(root, { validationFraction: 0.2, seed: 1 });
    expect(keysOf(again.validation!)).toEqual(keysOf(validation!));
    const other = await openSource(root, { validationFraction: 0.2, seed: 2 });
    expect(keysOf(other.validation!)).not.toEqual(keysOf(validation!));
    await expect(openSource(root, { validationFraction: 1 })).rejects.toMatchObject({ code: 'VGG_ARGUMENT' });
  });

  it('that are missing, empty or not folders are refused', async () => {
    await fails({}, /there is no such folder/, 'nowhere');
    await fails({}, /holds no data set: expected class folders/);
    await fails({ 'a.jpg': '' }, /holds no data set/);
    await fails({ 'a/1.jpg': '', 'b/readme.txt': '' }, /class folder .*b holds no images: fill it or remove it/);
    await fails({ file: '' }, /is a file but not a \.tar/, 'file');
    await expect(openClassFolders(folder({ 'a.jpg': '' }))).rejects.toThrow(/holds no class folders/);
  });
});

describe('the ILSVRC-2012 layout', () => {
  const image = (k: number) => `val/ILSVRC2012_val_0000000${k}.JPEG`;
  const layout = async (truth: string) => ({
    'train/n01440764/x.JPEG': '',
    'train/n02100735/y.JPEG': '',
    'train/n02119789/z.JPEG': '',
    [image(1)]: '',
    [image(2)]: '',
    [image(3)]: '',
    'ILSVRC2012_devkit_t12/data/meta.mat': await readMeta(),
    'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt': truth,
  });

  it('takes its validation labels from the devkit', async () => {
    // IDs 1, 2, 3 are n02119789, n02100735, n01440764: sorted, the classes 2, 1, 0.
    const data = await openSource(folder(await layout('1\n3\n2\n')));
    expect(data).toMatchObject({ layout: 'ILSVRC-2012', classes: ['n01440764', 'n02100735', 'n02119789'] });
    expect(labelsOf(data.train!)).toEqual([0, 1, 2]);
    expect(labelsOf(data.validation!)).toEqual([2, 0, 1]);
  });

  it("takes them from Kaggle's solution file, also without a training set", async () => {
    const solution =
      'ImageId,PredictionString\nILSVRC2012_val_00000002,n02 1 2 3 4 \nILSVRC2012_val_00000001,n01 5 6 7 8\n';
    const data = await openSource(folder({ [image(1)]: '', [image(2)]: '', 'LOC_val_solution.csv': solution }));
    expect([data.classes, data.train]).toEqual([['n01', 'n02'], undefined]);
    expect(labelsOf(data.validation!)).toEqual([0, 1]);
  });

  it('reports what is missing or does not match', async () => {
    await fails({ 'train/a/1.jpg': '', [image(1)]: '' }, /put the devkit's ILSVRC2012_validation_ground_truth\.txt/);
    await fails(await layout('1\n2\n'), /has 2 lines and none for ILSVRC2012_val_00000003/);
    await fails(await layout('1\n2\n7\n'), /line 3 has class 7, which meta\.mat does not have/);
    const { 'train/n02100735/y.JPEG': _, ...fewer } = await layout('1\n2\n3\n');
    await fails(fewer, /is of class n02100735, which the training set does not have/);
    const meta = 'ILSVRC2012_devkit_t12/data/meta.mat';
    await fails(
      { ...(await layout('1\n2\n3\n')), [meta]: 'text' },
      /does not begin like a little-endian MATLAB 5\.0 file/,
    );
    await fails(
      { ...(await layout('1\n2\n3\n')), [meta]: (await readMeta()).subarray(0, 300) },
      /cannot be read as a MAT-file/,
    );
    await fails({ [image(1)]: '', 'LOC_val_solution.csv': 'a\nb\n' }, /expected lines like .*, got "b"/);
  });
});

describe('tar shards', () => {
  const long = 'x'.repeat(120);

  async function shards(
    files: Record<string, Uint8Array | string>,
    archives: Record<string, string[]>,
  ): Promise<string> {
    const cwd = folder(files);
    const root = folder({});
    for (const [name, members] of Object.entries(archives)) await create({ cwd, file: join(root, name) }, members);
    return root;
  }

  it('are opened by folder, file or pattern; images are read in place', async () => {
    const images = [
      await png(patternImage(20, 15, 1)),
      await png(patternImage(16, 12, 2)),
      await png(patternImage(9, 9, 3)),
    ];
    const root = await shards(
      {
        '01.png': images[0]!,
        '01.cls': '1',
        [`${long}.png`]: images[1]!,
        [`${long}.cls`]: '0\n',
        '03.png': images[2]!,
        '03.json': '{"cls":1}',
      },
      {
        'train-00.tar': ['01.png', '01.cls'],
        'train-01.tar': [`${long}.png`, `${long}.cls`],
        'val-00.tar': ['03.json', '03.png'],
      },
    );
    const { layout, classes, train, validation } = await openSource(root);
    expect({ layout, classes }).toEqual({ layout: 'tar shards', classes: ['0', '1'] });
    expect(keysOf(train!)).toEqual(['01.png', `${long}.png`]);
    expect([labelsOf(train!), labelsOf(validation!)]).toEqual([[1, 0], [1]]);
    const sizes = [train!.location(0), train!.location(1), validation!.location(0)].map(async (location) => {
      const { width, height } = await decodeImage(location, 'image');
      return [width, height];
    });
    expect(await Promise.all(sizes)).toEqual([
      [20, 15],
      [16, 12],
      [9, 9],
    ]);
    expect((await openSource(join(root, 'train-{00..01}.tar'))).train!.length).toBe(2);
    expect((await openSource(join(root, 'train-01.tar'))).train!.length).toBe(1);
  });

  it('take class names from the labels or from classes.txt', async () => {
    const files = { '1.jpg': '', '1.cls': 'dog', '2.jpg': '', '2.cls': 'cat' };
    const named = await openSource(await shards(files, { 'a.tar': Object.keys(files) }));
    expect([named.classes, labelsOf(named.train!)]).toEqual([
      ['cat', 'dog'],
      [1, 0],
    ]);
    const cwd = folder({ '1.jpg': '', '1.cls': '1', 'classes.txt': 'cat\ndog\n' });
    await create({ cwd, file: join(cwd, 'a.tar') }, ['1.jpg', '1.cls']);
    const listed = await openSource(cwd);
    expect([listed.classes, labelsOf(listed.train!)]).toEqual([['cat', 'dog'], [1]]);
  });

  it('that are broken, or samples without a label, are refused', async () => {
    const files = { '1.jpg': 'data', '1.cls': '0' };
    const root = await shards(files, { 'a.tar': Object.keys(files) });
    const { readFile } = await import('node:fs/promises');
    const whole = await readFile(join(root, 'a.tar'));
    await fails({ 'a.tar': whole.subarray(0, 600) }, /ends 424 bytes too early: is it complete/);
    await fails({ 'a.tar': Buffer.alloc(2048, 'text') }, /no valid header at byte 0/);
    await fails({ 'a.tar': '' }, /holds no images: expected files like/);
    await fails({}, /ENOENT/, 'gone-{0..1}.tar');
    await expect(openSource(await shards({ '1.jpg': '' }, { 'a.tar': ['1.jpg'] }))).rejects.toThrow(
      /1 has no label: expected 1\.cls/,
    );
    const far = { '1.jpg': '', '1.cls': '4000000000' };
    await expect(openSource(await shards(far, { 'a.tar': Object.keys(far) }))).rejects.toThrow(
      /more than a million classes/,
    );
  });

  it('can be given as patterns', () => {
    expect(expandBraces('t-{08..11}.tar')).toEqual(['t-08.tar', 't-09.tar', 't-10.tar', 't-11.tar']);
    expect(expandBraces('{1..2}{3..4}')).toEqual(['13', '14', '23', '24']);
    expect(() => expandBraces('t-{3..1}.tar')).toThrow(/must count upwards/);
  });
});

describe('CIFAR', () => {
  const record = (labels: number[], seed: number) =>
    Buffer.concat([Buffer.from(labels), Buffer.from(Uint8Array.from({ length: 3072 }, (_, i) => (i * seed) % 256))]);

  it('10 is read record by record, with its class names', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `class ${i}`);
    const root = folder({
      'data_batch_1.bin': Buffer.concat([record([3], 1), record([9], 2)]),
      'data_batch_2.bin': record([0], 3),
      'test_batch.bin': record([7], 4),
      'batches.meta.txt': `${names.join('\n')}\n\n`,
    });
    const { layout, classes, train, validation } = await openSource(root);
    expect({ layout, classes }).toEqual({ layout: 'CIFAR-10', classes: names });
    expect([labelsOf(train!), labelsOf(validation!)]).toEqual([[3, 9, 0], [7]]);
    expect(keysOf(train!)).toEqual(['data_batch_1.bin#0', 'data_batch_1.bin#1', 'data_batch_2.bin#0']);
    const image = await decodeImage(train!.location(1), 'image');
    // Pixel 5 of the second record: bytes 5, 1024 + 5 and 2048 + 5 of its planes.
    expect([...image.data.subarray(15, 18)]).toEqual([5, 1029, 2053].map((i) => (i * 2) % 256));
  });

  it('100 is read by its fine labels', async () => {
    const { layout, classes, train } = await openSource(folder({ 'train.bin': record([2, 77], 1) }));
    expect([layout, classes.length, labelsOf(train!)]).toEqual(['CIFAR-100', 100, [77]]);
  });

  it('with wrong files is refused', async () => {
    await fails({ 'data_batch_1.bin': Buffer.alloc(3072) }, /records of 3073 bytes, got 3072 bytes/);
    await fails({ 'data_batch_1.bin': '' }, /got 0 bytes/);
    await fails({ 'data_batch_1.bin': record([10], 1) }, /record 0 has label 10, expected 0 to 9/);
    await fails({ 'data_batch_1.bin': record([1], 1), 'batches.meta.txt': 'one\n' }, /must name 10 classes, got 1/);
  });
});

describe('raw arrays', () => {
  it('with wrong sizes or labels are refused', () => {
    const good = { images: new Uint8Array(24), labels: [0, 1], width: 2, height: 2, classes: ['a', 'b'] };
    expect(rawSource(good).length).toBe(2);
    expect(() => rawSource({ ...good, images: new Uint8Array(23) })).toThrow(
      /2 RGB images of 2x2, that is 24 bytes, got 23/,
    );
    expect(() => rawSource({ ...good, labels: [0, 2] })).toThrow(/label 1 must be from 0 to 1, got 2/);
    expect(() => rawSource({ ...good, labels: [] })).toThrow(/needs images and classes/);
  });
});

describe('splitByClass', () => {
  it('uses single images for training, and refuses an empty validation part', () => {
    const source = (labels: number[]) =>
      rawSource({ images: new Uint8Array(labels.length * 3), labels, width: 1, height: 1, classes: ['a', 'b'] });
    const { train, validation } = splitByClass(source([0, 1, 1]), 0.1, 0);
    expect([labelsOf(train), labelsOf(validation)]).toEqual([[0, 1], [1]]);
    expect(() => splitByClass(source([0, 1]), 0.5, 0)).toThrow(/none can be split off/);
    expect(() => train.label(5)).toThrow(/has no image 5 of 2/);
  });
});

it('a JPEG in a shard decodes as in a file of its own', async () => {
  const cwd = folder({ '1.jpg': await jpeg(patternImage(30, 20)), '1.cls': '0' });
  await create({ cwd, file: join(cwd, 'a.tar') }, ['1.jpg', '1.cls']);
  const { train } = await openSource(cwd);
  const inFile = await decodeImage({ kind: 'file', path: join(cwd, '1.jpg') }, 'image');
  expect(await decodeImage(train!.location(0), 'image')).toEqual(inFile);
});
