/** Lists such as `train.txt` and `val.txt`, which divide class folders into parts. */
import { describe, expect, it } from 'vitest';
import { open } from './open-files';

const IMAGES = ['cat/1.jpg', 'cat/2.jpg', 'cat/3.jpg', 'dog/1.png', 'dog/2.png', 'dog/3.png'];
const text = (...lines: string[]) => Buffer.from(`${lines.join('\n')}\n`);

describe('lists of the parts', () => {
  it('divide class folders, and are named with the way to leave them out', async () => {
    const lists = {
      'train.txt': text('cat/1.jpg', 'cat/2.jpg', 'dog/1.png', 'dog/2.png'),
      'val.txt': text('cat/3.jpg', 'dog/3.png'),
    };
    expect(await open(IMAGES, undefined, lists)).toEqual({
      classes: 'cat dog',
      train: ['cat/1.jpg', 'cat/2.jpg', 'dog/1.png', 'dog/2.png'],
      validation: ['cat/3.jpg', 'dog/3.png'],
      test: [],
      notes: 'the parts are those of train.txt, val.txt; to leave the lists out: --layout folders',
      unused: {},
    });
    expect(await open(IMAGES, 'folders', lists)).toMatchObject({ train: IMAGES, validation: [], unused: { other: 2 } });
  });

  it.each([
    ['cat/3', 'dog/3'],
    ['./cat/3.jpg 0', './dog/3.png 1'],
    ['images\\cat\\3.jpg', 'images\\dog\\3.png'],
    ['/data/photos/cat/3.jpg', '/data/photos/dog/3.png'],
    ['"cat/3.jpg",cat', '"dog/3.png",dog'],
    ['0\t0\tcat/3.jpg', '1\t1\tdog/3.png'],
  ])('name images by lines such as %s', async (...lines) => {
    const { test, train } = await open(IMAGES, undefined, { 'test.txt': text(...lines) });
    expect([test, train.length]).toEqual([['cat/3.jpg', 'dog/3.png'], 4]);
  });

  it('lie next to the folder of the images, as those of Food-101, or are tables', async () => {
    const images = IMAGES.map((name) => `images/${name}`);
    const meta = {
      'meta/train.txt': text('cat/1', 'cat/2', 'dog/1', 'dog/2'),
      'meta/test.txt': text('cat/3', 'dog/3'),
      'meta/classes.txt': text('cat', 'dog'),
    };
    expect(await open(images, undefined, meta)).toMatchObject({
      train: ['cat/1.jpg', 'cat/2.jpg', 'dog/1.png', 'dog/2.png'],
      test: ['cat/3.jpg', 'dog/3.png'],
      unused: { other: 1 },
    });
    const table = { 'validation.csv': text('file,label', '3.jpg,cat', 'dog/3.png,dog') };
    expect(await open(IMAGES, undefined, table)).toMatchObject({
      validation: ['cat/3.jpg', 'dog/3.png'],
      notes: expect.not.stringMatching(/name no image/),
    });
  });

  it('say which lines and images they leave out', async () => {
    const lists = {
      'train.txt': text('cat/1.jpg', 'dog/1.png', 'cat/9.jpg'),
      'val.txt': text('cat/3.jpg', 'dog/3.png'),
    };
    const { notes, unused } = await open(IMAGES, undefined, lists);
    expect(notes).toMatch(/^train.txt: 1 of its 3 lines name no image, such as "cat\/9.jpg"/);
    expect(unused).toEqual({ unlisted: 2 });
  });

  it('that name no image are not used, and named', async () => {
    const { train, notes } = await open(IMAGES, undefined, { 'train.txt': text('loss 0.1', 'loss 0.2') });
    expect(train).toEqual(IMAGES);
    expect(notes).toBe('train.txt is not used: its lines name no image of the class folders');
    const log = { 'val.csv': text('epoch,loss', '1,0.5', '2,0.4'), 'train.txt': text('cat/1.jpg', 'a', 'b') };
    expect(await open(['cat/1.jpg', 'dog/2.jpg'], undefined, log)).toMatchObject({
      train: ['cat/1.jpg', 'dog/2.jpg'],
      notes: expect.stringMatching(/^train.txt is not used: 2 of its 3 lines .*; val.csv is not used: its lines /),
    });
  });

  it('of two parts that name the same image are refused', async () => {
    const lists = { 'train.txt': text('cat/1.jpg', 'dog/1.png'), 'val.txt': text('cat/1.jpg') };
    await expect(open(IMAGES, undefined, lists)).rejects.toThrow(
      'cat/1.jpg is in both train.txt and val.txt: take it out of one of them, or choose --layout folders to use neither',
    );
  });
});
