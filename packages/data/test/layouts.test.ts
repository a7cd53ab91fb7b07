/** Layouts that people really have: what each is taken for, and which files are named as unused. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { createBatches, decodeImage, openSource } from '../src/node';
import { folder, patternImage, png } from './images';
import { keysOf, open } from './open-files';
import { randomTree, tarOf, tryTree } from './random-tree';

/** Images `a/1.jpg` and `b/1.jpg` below each folder. */
const ab = (...folders: string[]) => folders.flatMap((name) => [`${name}/a/1.jpg`, `${name}/b/1.jpg`]);

describe('parts by name', () => {
  it.each([
    ['train', 'val', 'test'],
    ['Train', 'Valid', 'Test'],
    ['Training', 'Validation', 'Testing'],
    ['TRAIN', 'dev', 'eval'],
    ['training_set', 'validation_set', 'test_set'],
    ['train2017', 'val2017', 'test2017'],
    ['trainImages', 'val-images', 'Test Data'],
    ['seg_train', 'seg_val', 'seg_test'],
  ])('%s, %s and %s are training, validation and test', async (train, validation, test) => {
    expect(await open(ab(train, validation, test))).toMatchObject({
      classes: 'a b',
      train: ['a/1.jpg', 'b/1.jpg'],
      validation: ['a/1.jpg', 'b/1.jpg'],
      test: ['a/1.jpg', 'b/1.jpg'],
      notes: '',
      unused: {},
    });
  });

  it('of which one exists twice: the plainer name is used, the other one named', async () => {
    const { validation, notes, unused } = await open([...ab('train', 'valid', 'val'), 'valid/a/2.jpg']);
    expect(validation).toHaveLength(2);
    expect(notes).toBe('valid is not used: val is the validation part');
    expect(unused).toEqual({ part: 3 });
  });

  it('are found inside each class, and inside a folder that only wraps them', async () => {
    const inner = await open(['a/train/1.jpg', 'a/test/2.jpg', 'b/train/3.jpg', 'b/test/4.jpg', 'b/notes.txt']);
    expect(inner).toMatchObject({ classes: 'a b', train: ['a/train/1.jpg', 'b/train/3.jpg'], unused: { other: 1 } });
    expect(inner.test).toEqual(['a/test/2.jpg', 'b/test/4.jpg']);
    const wrapped = await open(ab('archive/train', 'archive/test'));
    expect(wrapped).toMatchObject({
      classes: 'a b',
      notes: expect.stringMatching(/is taken from .*archive, the only/),
    });
    expect(await open(ab('seg_train/seg_train', 'seg_test/seg_test'))).toMatchObject({ classes: 'a b', unused: {} });
  });

  it('without class folders are named', async () => {
    const { train, test, notes, unused } = await open([...ab('train'), 'test/1.jpg', 'test/2.jpg']);
    expect([train.length, test.length]).toEqual([2, 0]);
    expect(notes).toBe('test is not used: its images have no class folders');
    expect(unused).toEqual({ unlabelled: 2 });
    const empty = await open(ab('train'), undefined, { 'val/.keep': new Uint8Array() });
    expect([empty.notes, empty.validation]).toEqual(['val is not used: it holds no images', []]);
  });

  it('may lack classes of the training part', async () => {
    const { validation, test } = await open([...ab('train'), 'val/b/1.jpg', 'test/a/1.jpg', 'test/c/1.jpg']);
    expect([validation, test]).toEqual([['b/1.jpg'], ['a/1.jpg', 'c/1.jpg']]);
  });
});

describe('a class that is called like a part', () => {
  it('is a class next to other classes, with and without folders of its own', async () => {
    const flat = await open(['bus/1.jpg', 'car/1.jpg', 'train/1.jpg']);
    expect(flat).toMatchObject({ classes: 'bus car train', notes: expect.stringMatching(/--layout parts/) });
    const nested = await open(['bus/1.jpg', 'car/1.jpg', 'train/steam/1.jpg', 'train/diesel/1.jpg']);
    expect(nested).toMatchObject({ classes: 'bus car train', notes: expect.stringMatching(/--layout parts/) });
    expect((await open(['train/bus/1.jpg', 'train/train/1.jpg', 'val/train/1.jpg'])).classes).toBe('bus train');
    const views = ['bus', 'car', 'train'].flatMap((name) => [`${name}/front/1.jpg`, `${name}/side/1.jpg`]);
    expect((await open(views)).classes).toBe('bus car train');
    expect((await open(['train station/1.jpg', 'test tube/1.jpg'])).classes).toBe('test tube train station');
  });

  it('needs a choice if nothing distinguishes it from a part', async () => {
    const paths = ['bus/1.jpg', 'test/1.jpg', 'train/1.jpg'];
    await expect(open(paths)).rejects.toThrow(/images in test, train next to bus: choose --layout folders if each is/);
    expect((await open(paths, 'folders')).classes).toBe('bus test train');
  });

  it('may be hidden in classes with the same folders, which is said', async () => {
    expect(await open(ab('fold1', 'fold2'))).toMatchObject({
      classes: 'fold1 fold2',
      notes:
        'fold1, fold2 have the same folders, a, b: each is taken for a class; if they are parts of the data set, name them train, val and test',
    });
    expect((await open(['bus/1.jpg', ...ab('car', 'van')])).notes).toBe('');
  });

  it('is a part next to what accompanies one', async () => {
    const paths = [...ab('train'), 'docs/figure.png', 'annotations/1.xml', 'holdout/a/1.jpg'];
    expect(await open(paths)).toMatchObject({ classes: 'a b', unused: { folder: 2, other: 1 } });
  });

  it('is what the caller says', async () => {
    expect((await open(ab('train', 'val'), 'folders')).classes).toBe('train val');
    expect((await open([...ab('train'), 'bus/1.jpg'], 'parts')).classes).toBe('a b');
    await expect(open(['bus/1.jpg'], 'parts')).rejects.toThrow(/no folder that is named as a part/);
    await expect(open(['bus/1.jpg'], 'shards')).rejects.toThrow(/holds no \.tar files/);
    await expect(open(['bus/1.jpg'], 'cifar')).rejects.toThrow(/holds no CIFAR binaries/);
  });
});

describe('archives', () => {
  const shard = (first: number) =>
    tarOf({ [`${first}.jpg`]: 'x', [`${first}.cls`]: '0', [`${first + 1}.jpg`]: 'y', [`${first + 1}.cls`]: '1' });
  const archive = tarOf({ 'cat/1.jpg': 'x', 'dog/1.jpg': 'y' });

  it('next to class folders are named, unless they hold samples', async () => {
    const photos = await open(['cat/1.jpg', 'dog/1.jpg'], undefined, { 'photos.tar': archive });
    expect(photos).toMatchObject({
      classes: 'cat dog',
      notes: expect.stringMatching(/--layout shards/),
      unused: { archive: 1 },
    });
    const inParts = await open(ab('train', 'val'), undefined, { 'train/n01440764.tar': archive, 'all.tar': archive });
    expect(inParts).toMatchObject({ classes: 'a b', unused: { archive: 2 } });
    const described = tarOf({ 'cat/1.jpg': 'x', 'cat/1.json': '{"width":3}' });
    expect((await open(['cat/1.jpg', 'dog/1.jpg'], undefined, { 'a.tar': described })).classes).toBe('cat dog');
    await expect(open(['photos.zip'])).rejects.toThrow(/holds no data set: .*; unpack photos\.zip first/);
    const shards = await open(['cat/1.jpg'], undefined, { 'train-0.tar': shard(0) });
    expect(shards).toMatchObject({
      classes: '0 1',
      notes: expect.stringMatching(/--layout folders/),
      unused: { layout: 1 },
    });
    await expect(open([], undefined, { 'photos.tar': archive })).rejects.toThrow(/class folders must be unpacked/);
  });

  it.each([
    ['imagenet1k-train-0000.tar', 'imagenet1k-validation-00.tar', 'validation'],
    ['imagenet-train-000000.tar', 'imagenet-val-000000.tar', 'validation'],
    ['a.tar', 'DEV_1.tar', 'validation'],
    ['train-000000.tar', 'test-000000.tar', 'test'],
    ['valley.tar', 'eval-3.tar', 'test'],
  ] as const)('%s and %s are training and another part', async (train, other, part) => {
    const opened = await open([], undefined, { [train]: shard(0), [other]: shard(10) });
    expect([opened.train, opened[part]]).toEqual([
      ['0.jpg', '1.jpg'],
      ['10.jpg', '11.jpg'],
    ]);
  });

  it('have one image in each sample: the one with an image extension alone', async () => {
    const depth = tarOf({ '0.cls': '1', '0.depth.png': 'd', '0.jpg': 'x', '._0.jpg': 'm', '1.cls': '0' });
    expect(await open([], undefined, { 'a.tar': depth })).toMatchObject({
      train: ['0.jpg'],
      unused: { member: 1, system: 1, 'no image': 1 },
    });
    const named = tarOf({ '0.cls': '0', '0.mask.png': 'm', '0.image.png': 'x' });
    expect((await open([], undefined, { 'a.tar': named })).train).toEqual(['0.image.png']);
    const unclear = tarOf({ '0.cls': '0', '0.left.png': 'm', '0.right.png': 'x' });
    await expect(open([], undefined, { 'a.tar': unclear })).rejects.toThrow(
      /has the images \.left\.png, \.right\.png: name/,
    );
  });

  it.each([
    ['gzip', [0x1f, 0x8b]],
    ['ZIP', [0x50, 0x4b, 3, 4]],
    ['Zstandard', [0x28, 0xb5, 0x2f, 0xfd]],
  ])('that are compressed by %s are refused', async (name, bytes) => {
    const compressed = Buffer.concat([Buffer.from(bytes), Buffer.alloc(1024, 0xa5)]);
    await expect(open([], undefined, { 'a.tar': compressed })).rejects.toThrow(
      `compressed (${name}): decompress it first`,
    );
  });
});

describe('what a download left in place of a file', () => {
  it.each([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n', /a pointer of Git LFS: fetch/],
    ['<!DOCTYPE html><html><body>404 Not Found</body></html>', /a web page \(HTML\): download/],
  ])('%j is named', async (text, reason) => {
    await expect(open([], undefined, { 'a.tar': Buffer.from(text) })).rejects.toThrow(reason);
    const path = join(folder({ 'a.jpg': text }), 'a.jpg');
    await expect(decodeImage({ kind: 'file', path }, 'a.jpg')).rejects.toThrow(reason);
  });
});

describe('links', () => {
  it('to a folder above are not followed', async () => {
    const root = folder({ 'cat/1.jpg': '', 'dog/2.jpg': '' });
    symlinkSync('..', join(root, 'cat', 'up'));
    symlinkSync('..', join(root, 'dog', 'up'));
    const { train, unused } = await openSource(root);
    expect(keysOf(train)).toEqual(['cat/1.jpg', 'dog/2.jpg']);
    expect(unused).toMatchObject([{ kind: 'loop', count: 2, examples: ['cat/up', 'dog/up'] }]);
    symlinkSync('itself', join(root, 'cat', 'itself'));
    expect((await openSource(root)).unused).toContainEqual(expect.objectContaining({ kind: 'broken link', count: 1 }));
  });

  it('are followed once, to other classes not at all', async () => {
    const outside = folder({ 'x/3.jpg': '' });
    const root = folder({ 'cat/1.jpg': '', 'dog/2.jpg': '' });
    symlinkSync(outside, join(root, 'cat', 'more'));
    symlinkSync(outside, join(root, 'dog', 'more'));
    symlinkSync(join('..', 'dog'), join(root, 'cat', 'friend'));
    const { train, unused } = await openSource(root);
    expect(keysOf(train)).toEqual(['cat/1.jpg', 'cat/more/x/3.jpg', 'dog/2.jpg']);
    expect(unused).toMatchObject([{ kind: 'second link', count: 2 }]);
  });

  it('may be parts and classes', async () => {
    const images = folder({ 'cat/1.jpg': '', 'dog/2.jpg': '' });
    const root = folder({});
    mkdirSync(join(root, 'train'));
    for (const name of ['cat', 'dog']) symlinkSync(join(images, name), join(root, 'train', name));
    symlinkSync(images, join(root, 'val'));
    const { train, validation } = await openSource(root);
    expect([keysOf(train), keysOf(validation)]).toEqual([
      ['cat/1.jpg', 'dog/2.jpg'],
      ['cat/1.jpg', 'dog/2.jpg'],
    ]);
  });
});

describe('files', () => {
  it('of every kind are used, or counted with the reason', async () => {
    const used = ['a/1.jfif', 'a/2.JPE', 'a/3.bmp', 'a/4.ppm', 'b/5.PNG'];
    const left = ['a/6.heic', 'a/7.jxl', 'a/8.txt', 'a/9', 'a/10.zip', 'Thumbs.db', 'a/.DS_Store', '11.jpg'];
    const system = [
      '__MACOSX/a/._1.jpg',
      'a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg',
      '.thumbnails/1.png',
      'lost+found/2.jpg',
    ];
    const { train, unused } = await open([...used, ...left, ...system]);
    expect(train).toHaveLength(used.length);
    expect(unused).toEqual({ format: 2, other: 1, nameless: 1, archive: 1, system: 6, outside: 1 });
  });

  it('may have names with line breaks, which messages show as one line', async () => {
    const { train } = await openSource(folder({ 'a/1\n2.jpg': '' }));
    expect(keysOf(train)).toEqual(['a/1\\x0a2.jpg']);
    await expect(decodeImage(train!.location(0), train!.key(0))).rejects.toThrow(/^[^\n]*the file is empty$/);
  });

  it('in a class without images are named', async () => {
    await expect(open(['a/1.jpg', 'b/2.heic', 'b/3.txt'])).rejects.toThrow(
      /b holds no images: fill it or remove it \(none of its 2 files, such as 2\.heic, is an image that is read\)/,
    );
  });

  it.skipIf(process.platform !== 'linux')('may have names that are not UTF-8', async () => {
    const root = folder({ 'cat/1.png': '' });
    const image = await png(patternImage(40, 40));
    const at = (...parts: (string | Buffer)[]) => Buffer.concat([root, '/', ...parts].map((part) => Buffer.from(part)));
    const name = Buffer.from([0x67, 0x72, 0xfc, 0x6e]); // "grün" in Latin-1
    mkdirSync(at('h', name));
    for (const path of [at('cat/1.png'), at('cat/', name, '.png'), at('h', name, '/😀.png'), at('h', name, '/2.png')]) {
      writeFileSync(path, image);
    }
    const { train, classes } = await openSource(root);
    expect(classes).toEqual(['cat', 'hgr\\xfcn']);
    expect(keysOf(train)).toEqual(['cat/1.png', 'cat/gr\\xfcn.png', 'hgr\\xfcn/2.png', 'hgr\\xfcn/😀.png']);
    expect(await decodeImage(train!.location(2), 'image')).toMatchObject({ width: 40 });
    const transform = { crop: 32, scale: 40, flip: false, colour: null, mean: [0, 0, 0] } as const;
    const loader = createBatches(train!, { batchSize: 4, seed: 1, workers: 1, transform });
    let images = 0;
    for await (const { size } of loader.epoch(0)) images += size;
    expect([images, loader.skipped]).toEqual([4, []]);
    await loader.close();
  });
});

it('random trees are opened or refused by name, and every file is used or counted', async () => {
  for (let i = 0; i < 100; i++) {
    const path = randomTree(randomStream(3, 'layouts', i));
    const { accounted, missing } = await tryTree(path, 'auto', openSource);
    expect(accounted, `tree ${i}: ${missing} in ${path}`).toBe(true);
    rmSync(path, { recursive: true });
  }
});
