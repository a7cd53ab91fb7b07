/** Names of classes and of files as people and their systems write them. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSource } from '../src/node';
import { folder } from './images';
import { open } from './open-files';
import { tarOf } from './random-tree';

/** A shard of samples with these labels. */
const shard = (...labels: string[]) =>
  tarOf(
    Object.fromEntries(
      labels.flatMap((label, i) => [
        [`${i}.jpg`, 'x'],
        [`${i}.cls`, label],
      ]),
    ),
  );

const labelsOf = async (files: Record<string, Uint8Array | string>) => {
  const { train, validation, notes } = await openSource(folder(files));
  const all = (source: typeof train) => Array.from({ length: source?.length ?? 0 }, (_, i) => source!.label(i));
  return { classes: train!.classes, train: all(train), validation: all(validation), notes };
};

describe('classes of shards', () => {
  it('that are numbers are those that occur, in the order of the numbers', async () => {
    expect(await labelsOf({ 'train.tar': shard('10', '2', '1', '2') })).toMatchObject({
      classes: ['1', '2', '10'],
      train: [2, 1, 0, 1],
    });
    await expect(labelsOf({ 'train.tar': shard('1', '2'), 'val.tar': shard('0') })).rejects.toThrow(
      /0.jpg has class 0, which is not one of the 2 classes/,
    );
  });

  it('are the same in another Unicode form and in capitals, which is said', async () => {
    const val = shard('cafe\u0301', 'Dog');
    const { train, validation, notes } = await labelsOf({ 'train.tar': shard('caf\u00e9', 'dog'), 'val.tar': val });
    expect([train, validation]).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(notes.join()).toMatch(/classes are matched without regard to capitals, such as Dog as dog$/);
  });

  it('come from archives called .TAR too; an empty archive is refused', async () => {
    expect(await labelsOf({ 'TRAIN.TAR': shard('cat', 'dog') })).toMatchObject({ train: [0, 1] });
    const files = { 'train-0.tar': shard('cat', 'dog'), 'train-1.tar': '' };
    await expect(labelsOf(files)).rejects.toThrow(
      /train-1.tar holds no images: .*, got an empty file: is it complete\?$/,
    );
  });
});

describe('class folders', () => {
  it('of a validation part may differ in capitals', async () => {
    const { validation, notes } = await open(['train/cat/1.jpg', 'train/dog/1.jpg', 'val/Cat/2.jpg', 'val/DOG/2.jpg']);
    expect(validation).toEqual(['Cat/2.jpg', 'DOG/2.jpg']);
    expect(notes).toMatch(/val: classes are matched without regard to capitals, such as Cat as cat$/);
  });

  it('with one name in two Unicode forms are refused; names that differ in capitals are said', async () => {
    await expect(open(['caf\u00e9/1.jpg', 'cafe\u0301/1.jpg', 'dog/1.jpg'])).rejects.toThrow(
      /two folders of .* are the class café/,
    );
    expect(await open(['Cat/1.jpg', 'cat/1.jpg', 'dog/1.jpg'])).toMatchObject({
      classes: 'Cat cat dog',
      notes: 'Cat and cat differ only in capitals: they are two classes',
    });
  });

  it('without validation images, and two that are the same folder, are said', async () => {
    const { notes } = await open(['train/a/1.jpg', 'train/b/1.jpg', 'val/a/1.jpg']);
    expect(notes).toBe('the validation part has no images of 1 of the 2 classes: b');
    const root = folder({ 'cat/1.jpg': '', 'dog/1.jpg': '' });
    symlinkSync(join(root, 'cat'), join(root, 'kitten'));
    expect((await openSource(root)).notes.join()).toMatch(
      /the classes cat and kitten of .* are the same folder, by a link/,
    );
  });

  it('that hold folders named as the classes are said; a part among its own classes is refused', async () => {
    const images = ['cat/1.jpg', 'dog/1.jpg'];
    const { notes } = await open([...images, ...images.map((name) => `backup/${name}`)]);
    expect(notes).toMatch(/^backup is taken for a class, but its folders have the names of classes, cat, dog/);
    await expect(open([...images, ...images.map((name) => `val/${name}`)])).rejects.toThrow(
      /val holds the classes that lie next to it, such as cat: move those .* or choose --layout folders if val is a class/,
    );
  });

  it('that are missing: the message counts the images and names a file of labels', async () => {
    await expect(open(['1.jpg', '2.jpg', 'labels.json'])).rejects.toThrow(
      /holds no data set, but 2 images without a class: .*, such as cat\/1.jpg; labels in files such as labels.json are not read: write them into labels.csv$/,
    );
    await expect(openSource(join(folder({ 'photos.tgz': 'x' }), 'photos.tgz'))).rejects.toThrow(
      /photos.tgz is a compressed archive: unpack it first$/,
    );
  });
});

describe('files next to images', () => {
  it('are masks or thumbnails by their names: counted, not trained on', async () => {
    const images = ['cat/a (1).png', 'cat/2.jpg', 'dog/1.jpg', 'dog/mask.png', 'dog/no_mask.jpg'];
    const others = ['cat/a (1)_mask.png', 'cat/a (1)_mask_1.png', 'cat/2_thumb.jpg', 'cat/2-seg.png'];
    const { train, unused } = await open([...images, ...others]);
    expect(train.sort()).toEqual(images.sort());
    expect(unused).toEqual({ companion: 4 });
  });

  it('are masks in a folder next to the images of a class', async () => {
    const { train, classes, notes, unused } = await open([
      'a/images/1.png',
      'a/masks/1.png',
      'b/images/1.png',
      'b/masks/1.png',
    ]);
    expect([train, classes, notes]).toEqual([['a/images/1.png', 'b/images/1.png'], 'a b', '']);
    expect(unused).toEqual({ companion: 2 });
    expect(await open(['a/masks/1.png', 'b/face/1.png'])).toMatchObject({ train: ['a/masks/1.png', 'b/face/1.png'] });
  });

  it.each(['__pycache__', '@SynoResource', 'Network Trash Folder', 'Temporary Items', 'RECYCLED', 'CVS'])(
    'of the system folder %s are not a class',
    async (name) => {
      const { classes, unused } = await open(['cat/1.jpg', 'dog/1.jpg', `${name}/1.jpg`, `cat/${name}/1.jpg`]);
      expect([classes, unused]).toEqual(['cat dog', { system: 2 }]);
    },
  );
});
