/** Tables of labels, such as `labels.csv` next to `images/`. */
import { describe, expect, it } from 'vitest';
import { openSource } from '../src/node';
import { folder } from './images';
import { open } from './open-files';

const text = (...lines: string[]) => Buffer.from(`${lines.join('\n')}\n`);
const IMAGES = ['images/1.jpg', 'images/2.jpg', 'images/3.png', 'images/4.jpg'];
const SORTED = ['images/1.jpg', 'images/3.png', 'images/2.jpg', 'images/4.jpg'];
const LABELS = ['image,label', '1.jpg,cat', '2.jpg,dog', '3.png,cat', '4.jpg,dog'];

/** Opens images and one table. */
const openTable = (table: Uint8Array | string, images: readonly string[] = IMAGES, name = 'labels.csv') =>
  open(images, undefined, { [name]: Buffer.from(table) });

describe('a table of labels', () => {
  it('gives the classes of images without class folders, said in one line', async () => {
    expect(await openTable(text(...LABELS))).toEqual({
      classes: 'cat dog',
      train: SORTED,
      validation: [],
      test: [],
      notes:
        'labels.csv has the classes (column label: cat, dog) of 4 images (column image); for folders instead: --layout folders',
      unused: {},
    });
    const { train } = await openSource(
      folder({ ...Object.fromEntries(IMAGES.map((name) => [name, ''])), 'labels.csv': text(...LABELS) }),
    );
    expect(Array.from({ length: 4 }, (_, i) => train!.label(i))).toEqual([0, 0, 1, 1]);
  });

  it.each([
    ['names without an extension', 'id,breed\n1,cat\n2,dog\n3,cat\n4,dog'],
    ['paths', 'filename,class\nimages/1.jpg,cat\n./images/2.jpg,dog\nimages\\3.png,cat\ndata/images/4.jpg,dog'],
    ['no names of columns', '1.jpg,cat\n2.jpg,dog\n3.png,cat\n4.jpg,dog'],
    ['no names of columns and numbers', '0,1.jpg,cat\n1,2.jpg,dog\n2,3.png,cat\n3,4.jpg,dog'],
    ['a byte order mark and CRLF', '\ufeffimage,label\r\n1.jpg,cat\r\n2.jpg,dog\r\n3.png,cat\r\n4.jpg,dog\r\n'],
    ['semicolons', 'image;label\n1.jpg;cat\n2.jpg;dog\n3.png;cat\n4.jpg;dog'],
    ['tabs', 'image\tlabel\n1.jpg\tcat\n2.jpg\tdog\n3.png\tcat\n4.jpg\tdog'],
    ['spaces', '1.jpg cat\n2.jpg  dog\n3.png cat\n4.jpg dog'],
    ['quotes and spaces', '"image", "label"\n"1.jpg", "cat"\n"2.jpg", "dog"\n3.png ,cat\n4.jpg,dog\n\n'],
    ['other columns', ',id,dx,age,sex,fold\n0,1,cat,3,f,0\n1,2,dog,4,m,1\n2,3,cat,5,f,2\n3,4,dog,1,m,0'],
    ['a column for each class', 'image,cat,dog\n1,1,0\n2,0,1\n3,1.0,0.0\n4,0,1'],
    ['capitals of extensions', 'image,label\n1.JPG,cat\n2.JPG,dog\n3.PNG,cat\n4.jpg,dog'],
    [
      'UTF-16',
      Buffer.concat([
        Buffer.from([0xff, 0xfe]),
        Buffer.from('image\tlabel\n1.jpg\tcat\n2.jpg\tdog\n3.png\tcat\n4.jpg\tdog', 'utf16le'),
      ]),
    ],
  ])('may have %s', async (_, table) => {
    const { classes, train, unused } = await openTable(table);
    expect({ classes, train, unused }).toEqual({ classes: 'cat dog', train: SORTED, unused: {} });
  });

  it('may have integers as classes, in the order of the numbers, and names with commas', async () => {
    const numbers = await openTable(text('id,level', '1,10', '2,2', '3,10', '4,2.0'));
    expect(numbers.classes).toBe('2 10');
    expect((await openTable(text('id,label', '1,"tench, fish"', '2,"a ""b"""', '3,é', '4,é'))).classes).toBe(
      'a "b" tench, fish é',
    );
  });

  it.each([
    ['in the folder of the images', ['1.jpg', '2.jpg'], 'labels.csv'],
    ['in a folder next to them', ['images/1.jpg', 'images/2.jpg'], 'meta/all.tsv'],
    ['around an only folder', ['data/photographs/1.jpg', 'data/photographs/2.jpg'], 'data/labels.txt'],
    ['next to folders of a series', ['HAM_images_part_1/1.jpg', 'HAM_images_part_2/2.jpg'], 'HAM_metadata.csv'],
  ])('may lie %s', async (_, images, name) => {
    const { classes, train } = await openTable(text('id\tlabel', '1\tcat', '2\tdog'), images, name);
    expect([classes, train]).toEqual(['cat dog', images]);
  });

  it('is not used for class folders: nothing is said if it agrees, and its classes if not', async () => {
    const images = ['cat/1.jpg', 'cat/2.jpg', 'dog/3.jpg'];
    const same = await openTable(text('id,label', '1,cat', '2,cat', '3,dog'), images);
    expect(same).toMatchObject({ classes: 'cat dog', notes: '', unused: { other: 1 } });
    const other = await openTable(text('id,label', '1,young', '2,old', '3,old'), images);
    expect(other).toMatchObject({
      classes: 'cat dog',
      notes: 'the classes are the folders; labels.csv has others (label: young, old): --layout table uses them',
    });
    const chosen = await open(images, 'table', { 'labels.csv': text('id,label', '1,young', '2,old', '3,old') });
    expect(chosen).toMatchObject({ classes: 'old young', train: ['cat/2.jpg', 'dog/3.jpg', 'cat/1.jpg'] });
    const folders = await open(IMAGES, 'folders', { 'labels.csv': text(...LABELS) });
    expect(folders).toMatchObject({ classes: 'images', train: IMAGES });
  });
});

describe('parts of a table', () => {
  it('are those of a column', async () => {
    const table = text('label,file,data set', 'cat,1,train', 'dog,2,Training', 'cat,3,valid', 'dog,4,test');
    const { notes, ...parts } = await openTable(table);
    expect(parts).toMatchObject({
      train: ['images/1.jpg', 'images/2.jpg'],
      validation: ['images/3.png'],
      test: ['images/4.jpg'],
    });
    expect(notes).toMatch(
      /^labels.csv has the classes \(column label: cat, dog\) and the parts \(data set\) of 4 images/,
    );
  });

  it.each([
    ['of several tables', { 'train.csv': LABELS.slice(0, 3), 'val_labels.csv': ['image,label', ...LABELS.slice(3)] }],
    ['of tables in folders', { 'train/a.csv': LABELS.slice(0, 3), 'valid/a.csv': ['image,label', ...LABELS.slice(3)] }],
    [
      'of lists of names',
      {
        'labels.csv': LABELS,
        'train.txt': ['images/1.jpg', 'images/2.jpg'],
        'val.txt': ['images/3.png', 'images/4.jpg'],
      },
    ],
  ])('are those %s', async (_, tables) => {
    const contents = Object.fromEntries(Object.entries(tables).map(([name, lines]) => [name, text(...lines)]));
    const { train, validation, unused } = await open(IMAGES, undefined, contents);
    expect({ train, validation, unused }).toEqual({
      train: SORTED.filter((name) => /[12]/.test(name)),
      validation: ['images/3.png', 'images/4.jpg'],
      unused: {},
    });
  });

  it('are those of the folders of the images', async () => {
    const images = ['train/1.jpg', 'train/2.jpg', 'val/1.jpg', 'val/2.jpg'];
    const table = text('path,label', 'train/1.jpg,cat', 'train/2.jpg,dog', 'val/1.jpg,dog', 'val/2.jpg,cat');
    expect(await openTable(table, images)).toMatchObject({
      train: ['train/1.jpg', 'train/2.jpg'],
      validation: ['val/2.jpg', 'val/1.jpg'],
    });
  });

  it('name images of the same name in the folder of the part; others are counted', async () => {
    const images = ['train/1.jpg', 'train/2.jpg', 'test/1.jpg', 'test/2.jpg', 'test/3.jpg'];
    const contents = {
      'train.csv': text('id,label', '1,cat', '2,dog'),
      'sample_submission.csv': text('id,label', '1,cat', '2,cat', '3,cat'),
    };
    const { train, test, unused } = await open(images, undefined, contents);
    expect({ train, test, unused }).toEqual({
      train: ['train/1.jpg', 'train/2.jpg'],
      test: [],
      unused: { 'no class': 3, other: 1 },
    });
  });

  it('must have the classes of the training part, but for a test part', async () => {
    const table = (part: string) => text('id,label,split', '1,cat,train', '2,dog,train', `3,fox,${part}`);
    await expect(openTable(table('val'))).rejects.toThrow(
      /the validation part has the class fox, which the training part does not have$/,
    );
    const { classes, test } = await openTable(table('test'));
    expect([classes, test]).toEqual(['cat dog', ['images/3.png']]);
  });

  it('of other columns are not used, and named', async () => {
    const contents = {
      'labels.csv': text(...LABELS),
      'people.csv': text('image,photographer', '1,ann', '2,ann', '3,ann', '4,bob'),
    };
    const { classes, notes } = await open(IMAGES, undefined, contents);
    expect(classes).toBe('cat dog');
    expect(notes).toMatch(/; people.csv is not used: its column photographer is not the column label of labels.csv$/);
  });
});

describe('what a table leaves out', () => {
  it('is counted and named: images without a row, rows without an image or a class', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => `images/${i}.jpg`);
    const lines = rows.map((name, i) => `${name},${i === 3 ? '' : i % 2}`);
    const { train, notes, unused } = await openTable(text('a,b', ...lines, 'x.jpg,1'), [
      ...rows,
      'images/other.jpg',
      'readme.md',
    ]);
    expect(train.length).toBe(29);
    expect(unused).toEqual({ 'no class': 2, other: 1 });
    expect(notes).toMatch(/; labels.csv: 1 of its 31 rows name no image, such as line 32, "x.jpg"/);
    expect(notes).toMatch(
      /; labels.csv: 1 of its 31 rows have no class: their images are not used, such as line 5, "images\/3.jpg"$/,
    );
  });

  it('is nothing if the table is much larger than the images, or repeats rows', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => `${i},${i % 2}`);
    expect((await openTable(text('a,b', ...rows, ...rows))).train.length).toBe(4);
  });
});

describe('tables that cannot be used', () => {
  const bad = (table: Uint8Array | string, images?: readonly string[]) => expect(openTable(table, images)).rejects;

  it.each([
    ['is empty', '', 'labels.csv: expected rows, got an empty file'],
    ['is binary', Buffer.from([1, 0, 2, 3]), 'labels.csv: expected text, got binary data'],
    [
      'is not UTF-8',
      Buffer.from([...Buffer.from('image,label\n1.jpg,K'), 0xe4, 10]),
      'labels.csv: expected text in UTF-8: save it in that encoding',
    ],
    [
      'is truncated in a row',
      'image,label\n1.jpg,cat\n2.jpg,dog\n3.p',
      'labels.csv, line 4: expected 2 fields as in the first line, got 1: is the table complete?',
    ],
    [
      'is truncated in quotes',
      'image,label\n1.jpg,cat\n2.jpg,"do',
      /labels.csv: quote not closed: .* at line 3: is the table complete\?$/,
    ],
    [
      'has one column',
      'image\n1.jpg\n2.jpg\n',
      'labels.csv: expected a column of file names and one of classes, got one column',
    ],
    [
      'names other images',
      'image,label\n7.jpg,cat\n8.jpg,dog',
      'labels.csv: no column names the images; the best one does in 0 of 2 rows',
    ],
    [
      'has several columns',
      'id,age,sex\n1,3,f\n2,4,m\n3,3,f',
      'labels.csv: age, sex may be the classes: name the column of the classes "label"',
    ],
    [
      'has no classes',
      ',id\n0,1\n1,2\n',
      'labels.csv: no column is left for the classes: name the column of the classes "label"',
    ],
  ])('%s', async (_, table, message) => {
    await bad(table).toThrow(message);
    await bad(table).toThrow(/holds images without class folders and no table of labels: [^\n]*$/);
  });

  it.each([
    [
      'an absolute path',
      '/etc/3.png',
      '"/etc/3.png" is an absolute path: expected a path in the data set, such as images/1.jpg',
    ],
    ['a drive', 'C:\\data\\3.png', '"C:\\\\data\\\\3.png" is an absolute path'],
    ['a path outside', '../../etc/3.png', '"../../etc/3.png" lies outside of the data set'],
  ])('has %s', async (_, path, message) => {
    const rows = ['image,label', '1.jpg,cat', '2.jpg,dog', `${path},dog`];
    await bad(text(...rows)).toThrow(`labels.csv, line 4: ${message}`);
    await expect(
      openTable(text('image,label', ...[1, 2].map((i) => `${path.replace('3.png', `${i}.jpg`)},class ${i}`))),
    ).rejects.toThrow('labels.csv, line 2: ');
  });

  it('may name images by a path through the folder above the table', async () => {
    const table = text(...LABELS)
      .toString()
      .replaceAll(/^(\d)/gm, '../images/$1');
    expect((await openTable(table, IMAGES, 'meta/labels.csv')).train).toEqual(SORTED);
  });

  it('gives images different classes: they are named', async () => {
    await bad(text(...LABELS, '1.jpg,dog')).toThrow(
      'labels.csv: rows give an image different classes: images/1.jpg (cat in line 2 of labels.csv, dog in line 6 of labels.csv); keep one row of each',
    );
    await bad(text(...LABELS, ...LABELS.slice(1).map((line) => `${line}x`))).toThrow(
      /images\/3.png \(.*\) and 1 more; keep/,
    );
  });

  it('puts an image into two parts', async () => {
    const contents = { 'train.csv': text(...LABELS), 'val.csv': text('image,label', '2.jpg,dog') };
    await expect(open(IMAGES, undefined, contents)).rejects.toThrow(
      'val.csv, line 2: images/2.jpg is of the part validation, but of train in line 3 of train.csv: keep one of them',
    );
  });

  it.each([
    [
      'separators',
      'image,label\n1,cat|dog\n2,dog\n3,cat\n4,dog',
      'labels.csv, line 2: several classes of an image, such as "cat|dog", are not supported',
    ],
    ['a list', 'image,label\n1,"[1, 2]"\n2,dog\n3,cat\n4,dog', 'such as "[1, 2]", are not supported'],
    ['other classes', 'image,label\n1,cat dog\n2,dog\n3,cat\n4,dog', 'such as "cat dog", are not supported'],
    [
      'tags',
      'image,tags\n1,haze primary\n2,clear primary\n3,clear\n4,clear',
      'such as "haze primary", are not supported',
    ],
    [
      'two of its columns',
      'image,cat,dog\n1,1,1\n2,0,1\n3,1,0\n4,0,1',
      'line 2: expected one class, got "cat", "dog": an image must have one class',
    ],
  ])('has several classes of an image: %s', async (_, table, message) => {
    await bad(table).toThrow(message);
  });

  it('has a name of several images', async () => {
    const images = ['part1/1.jpg', 'part2/1.jpg', 'part2/2.jpg'];
    await bad(text('id,label', '1,cat', '2,dog'), images).toThrow(
      'labels.csv, line 2: "1" is the name of several images: add their folders',
    );
    const { train } = await openTable(text('id,label', 'part1/1,cat', '2,dog', 'part2/1,cat'), images);
    expect(train).toEqual(['part1/1.jpg', 'part2/1.jpg', 'part2/2.jpg']);
  });

  it('has a class that is too long, or with control characters', async () => {
    await bad(text('id,label', `1,${'x'.repeat(256)}`, '2,dog')).toThrow(
      /line 2: expected the name of a class, got "x{60}…", which is too long or /,
    );
    await bad(text('id,label', '1,"a', 'b"', '2,dog')).toThrow(
      'line 3: expected the name of a class, got "a\\nb", which is too long or has control',
    );
  });

  it('has none of the layout that was chosen', async () => {
    await expect(open(IMAGES, 'table')).rejects.toThrow(
      /no table of labels: expected a table such as labels.csv with names of images and their classes$/,
    );
  });
});

it('opens 200,000 rows', async () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => `${i},${i % 3}`);
  const { train, notes } = await openTable(`id,label\n${rows.join('\n')}`, ['images/7.jpg', 'images/199999.jpg']);
  expect(train).toEqual(['images/199999.jpg', 'images/7.jpg']);
  expect(notes).toMatch(/labels.csv: 199998 of its 200000 rows name no image, such as line 2, "0"$/);
});
