/** Readers of boxes: what they read, and one line for each kind of bad input. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isVggError } from '@vgg/core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boxSource } from '../src/index';
import { openBoxes, parseCoco, parseCsv, parseVoc } from '../src/node';

const VOC = `<annotation><folder>a</folder><filename>cat.jpg</filename><size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>5</ymin><xmax>20</xmax><ymax>30</ymax></bndbox></object>
<object><name>dog &amp; co</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object></annotation>`;

function coco(change: object = {}): string {
  return JSON.stringify({
    images: [{ id: 7, file_name: 'cat.jpg', width: 40, height: 30 }],
    categories: [{ id: 3, name: 'cat' }],
    annotations: [
      { id: 1, image_id: 7, category_id: 3, bbox: [1, 2, 10.5, 20] },
      { id: 2, image_id: 7, category_id: 3, bbox: [0, 0, 40, 30], iscrowd: 1 },
    ],
    ...change,
  });
}

/** Returns a BMP file of 4 x 5 pixels, which sharp does not read. */
function bitmap(): Buffer {
  const bytes = Buffer.alloc(54 + 5 * 12);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  for (const [at, value] of [
    [10, 54],
    [14, 40],
    [18, 4],
    [22, 5],
  ] as const)
    bytes.writeUInt32LE(value, at);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  return bytes;
}

/** Returns the message of the one-line error that a reader throws. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (!isVggError(error)) throw error;
    expect(error.message).not.toContain('\n');
    return error.message;
  }
  throw new Error('expected an error');
}

describe('the XML of VOC', () => {
  it('counts pixels from 1 and includes the last', () => {
    expect(parseVoc(VOC, 'a.xml')).toEqual({
      image: 'cat.jpg',
      size: { width: 40, height: 30 },
      objects: [
        { name: 'cat', box: { left: 0, top: 4, width: 20, height: 26 } },
        { name: 'dog & co', box: { left: 10, top: 10, width: 10, height: 10 } },
      ],
      place: 'a.xml',
    });
  });

  it('has neither a document type nor entities of its own', () => {
    const bomb = `<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>${VOC.replace('cat', '&y;')}`;
    expect(refusal(() => parseVoc(bomb, 'a.xml'))).toMatch(/^a\.xml: a document type is not allowed/);
    const outside = `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${VOC}`;
    expect(refusal(() => parseVoc(outside, 'a.xml'))).toMatch(/a document type is not allowed/);
    expect(refusal(() => parseVoc(VOC.replace('&amp;', '&y;'), 'a.xml'))).toMatch(
      /not well-formed XML.*undefined entity/,
    );
  });

  it('is refused if it is damaged', () => {
    expect(refusal(() => parseVoc(VOC.slice(0, 90), 'a.xml'))).toMatch(/^a\.xml: not well-formed XML/);
    expect(refusal(() => parseVoc('', 'a.xml'))).toMatch(/^a\.xml: not well-formed XML/);
    expect(refusal(() => parseVoc('<html/>', 'a.xml'))).toMatch(/expected <annotation>/);
    expect(refusal(() => parseVoc('<annotation/>', 'a.xml'))).toMatch(/expected <filename>/);
    expect(refusal(() => parseVoc(VOC.replace('<xmin>1<', '<xmin>NaN<'), 'a.xml'))).toMatch(
      /expected a number as <xmin> of <bndbox>, got "NaN"/,
    );
    expect(refusal(() => parseVoc(VOC.replace('<name>cat</name>', ''), 'a.xml'))).toMatch(/<name> in every <object>/);
    const deep = `<annotation>${'<a>'.repeat(100)}${'</a>'.repeat(100)}</annotation>`;
    expect(refusal(() => parseVoc(deep, 'a.xml'))).toMatch(/too many XML elements/);
  });
});

describe("COCO's JSON", () => {
  it('has boxes by corner and size; groups are left out', () => {
    const [cat] = parseCoco(coco(), 'a.json');
    expect(cat!.objects).toEqual([{ name: 'cat', box: { left: 1, top: 2, width: 10.5, height: 20 } }]);
  });

  it('is refused if it is damaged', () => {
    const annotation = (change: object) =>
      coco({ annotations: [{ id: 1, image_id: 7, category_id: 3, bbox: [1, 2, 3, 4], ...change }] });
    expect(refusal(() => parseCoco('{', 'a.json'))).toMatch(/^a\.json: not JSON/);
    expect(refusal(() => parseCoco('[]', 'a.json'))).toMatch(/a list of objects as "categories"/);
    expect(refusal(() => parseCoco(coco({ images: 3 }), 'a.json'))).toMatch(/a list of objects as "images"/);
    expect(refusal(() => parseCoco(coco({ categories: [{ id: 3 }] }), 'a.json'))).toBe(
      'a.json: category 3 has no "name"',
    );
    const categories = [1, 2].map((i) => ({ id: 3, name: `cat ${i}` }));
    expect(refusal(() => parseCoco(coco({ categories }), 'a.json'))).toMatch(/each category once, got 3 twice/);
    const images = [1, 2].map((i) => ({ id: 7, file_name: `${i}.jpg`, width: 40, height: 30 }));
    expect(refusal(() => parseCoco(coco({ images }), 'a.json'))).toMatch(/each image once, got 7 twice/);
    expect(refusal(() => parseCoco(annotation({ image_id: 9 }), 'a.json'))).toBe(
      'a.json, annotation 1: unknown image 9',
    );
    expect(refusal(() => parseCoco(annotation({ category_id: 9 }), 'a.json'))).toMatch(/unknown category 9/);
    expect(refusal(() => parseCoco(annotation({ bbox: [1, 2, 3] }), 'a.json'))).toMatch(/"bbox" as four numbers/);
    expect(refusal(() => parseCoco(annotation({ bbox: [1, 2, 3, null] }), 'a.json'))).toMatch(
      /expected a number as "bbox", got null/,
    );
  });
});

describe('a CSV file', () => {
  it('has corners or sizes, quotes, and other columns', () => {
    const corners = parseCsv('\ufeffimage,class,xmin,ymin,xmax,ymax,note\n"a, b.jpg",cat,1,2,11,22,x\n', 'a.csv');
    expect(corners).toMatchObject([
      {
        image: 'a, b.jpg',
        objects: [{ name: 'cat', box: { left: 1, top: 2, width: 10, height: 20 } }],
        place: 'a.csv, line 2',
      },
    ]);
    const sizes = parseCsv('class,image,left,top,width,height\ncat,a.jpg,1,2,3,4\ndog,a.jpg,5,6,7,8\n', 'a.csv');
    expect(sizes).toHaveLength(1);
    expect(sizes[0]!.objects.map(({ name }) => name)).toEqual(['cat', 'dog']);
  });

  it('is refused if it is damaged', () => {
    const header = 'image,class,left,top,width,height\n';
    expect(refusal(() => parseCsv('', 'a.csv'))).toMatch(/a header and at least one line/);
    expect(refusal(() => parseCsv('image,class,left\na,b,1\n', 'a.csv'))).toMatch(/no column "top"/);
    expect(refusal(() => parseCsv(`${header}a.jpg,cat,1,2,3\n`, 'a.csv'))).toMatch(/^a\.csv: .*on line 2/);
    expect(refusal(() => parseCsv(`${header}a.jpg,cat,1,2,x,4\n`, 'a.csv'))).toBe(
      'a.csv, line 2: expected a number as width, got "x"',
    );
    expect(refusal(() => parseCsv(`${header},cat,1,2,3,4\n`, 'a.csv'))).toMatch(
      /line 2: expected an image and a class/,
    );
    expect(refusal(() => parseCsv(`${header}"a.jpg,cat,1,2,3,4\n`, 'a.csv'))).toMatch(/^a\.csv: Quote Not Closed/);
  });
});

describe('a data set', () => {
  let home: string;
  const put = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), content);
  };
  const image = () =>
    sharp({ create: { width: 40, height: 30, channels: 3, background: '#888' } })
      .jpeg()
      .toBuffer();
  const fresh = () => {
    home = mkdtempSync(join(tmpdir(), 'vgg-boxes-'));
    homes.push(home);
  };
  const homes: string[] = [];
  beforeAll(fresh);
  afterAll(() => {
    for (const one of homes) rmSync(one, { recursive: true });
  });

  it('in CSV has its parts by folders, and sizes from the images', async () => {
    put('train/a.jpg', await image());
    put('val/b.jpg', await image());
    put(
      'boxes.csv',
      'image,class,left,top,width,height\ntrain/a.jpg,cat,1,2,10,10\ntrain/a.jpg,cat,0,0,20,20\nval/b.jpg,dog,0,0,40,31\n',
    );
    const { classes, train, validation } = await openBoxes(home);
    expect(classes).toEqual(['cat', 'dog']);
    expect(train!.image(0)).toMatchObject({ key: 'train/a.jpg', label: 0, size: { width: 40, height: 30 } });
    expect(train!.image(0).boxes.map(({ width }) => width)).toEqual([20, 10]);
    // A box may reach beyond its image by two pixels, and is clipped.
    expect(validation!.image(0).boxes).toEqual([{ left: 0, top: 0, width: 40, height: 30 }]);
  });

  it('is split for validation if it has no such part', async () => {
    for (let i = 0; i < 10; i++) put(`images/${i}.jpg`, await image());
    const lines = Array.from({ length: 10 }, (_, i) => `../images/${i}.jpg,cat,0,0,9,9`);
    put('lists/boxes.csv', `image,class,left,top,width,height\n${lines.join('\n')}\n`);
    await expect(openBoxes(join(home, 'lists'))).rejects.toThrow(/lies outside the folder/);
    put('boxes.csv', `image,class,left,top,width,height\n${lines.join('\n').replaceAll('../', '')}\n`);
    const { train, validation } = await openBoxes(home, { validationFraction: 0.2 });
    expect([train!.length, validation!.length]).toEqual([8, 2]);
  });

  it('in XML is that of VOC, with its lists, or of ILSVRC', async () => {
    fresh();
    put('VOC2007/JPEGImages/1.jpg', await image());
    put('VOC2007/JPEGImages/2.jpg', await image());
    put('VOC2007/Annotations/1.xml', VOC.replace('cat.jpg', '1.jpg'));
    put('VOC2007/Annotations/2.xml', VOC.replace('cat.jpg', '2.jpg'));
    put('VOC2007/ImageSets/Main/val.txt', '2\n');
    const voc = await openBoxes(home);
    // Each image has objects of two classes.
    expect([voc.train!.length, voc.validation!.length]).toEqual([2, 2]);
    expect(voc.train!.key(0)).toBe('VOC2007/JPEGImages/1.jpg (cat)');
    fresh();
    put('Data/CLS-LOC/train/n02123045/n02123045_1.JPEG', await image());
    put(
      'Annotations/CLS-LOC/train/n02123045/n02123045_1.xml',
      VOC.replace('cat.jpg', 'n02123045_1').replace(/<object><name>dog[\s\S]*<\/object>/, ''),
    );
    const ilsvrc = await openBoxes(home);
    expect(ilsvrc.train!.key(0)).toBe('Data/CLS-LOC/train/n02123045/n02123045_1.JPEG');
  });

  it("in COCO's JSON has its parts by file names", async () => {
    fresh();
    put('val2017/cat.jpg', await image());
    put('annotations/instances_val2017.json', coco());
    const { train, validation } = await openBoxes(home);
    expect(train).toBeUndefined();
    expect(validation!.image(0).boxes).toHaveLength(1);
  });

  it("of COCO's zip has captions and key points, which are not read", async () => {
    put('annotations/captions_val2017.json', coco({ categories: undefined, annotations: [{ id: 1, image_id: 7 }] }));
    put('annotations/person_keypoints_val2017.json', coco());
    expect((await openBoxes(home)).validation!.length).toBe(1);
  });

  it('may be one file of a folder of annotations, next to which its images lie', async () => {
    const { validation } = await openBoxes(join(home, 'annotations/instances_val2017.json'));
    expect(validation!.key(0)).toBe('val2017/cat.jpg');
    put('VOC2007/JPEGImages/1.jpg', await image());
    put('VOC2007/Annotations/1.xml', VOC.replace('cat.jpg', '1.jpg'));
    const { train } = await openBoxes(join(home, 'VOC2007/Annotations/1.xml'));
    expect(train!.key(0)).toBe('JPEGImages/1.jpg (cat)');
  });

  it('has each image once', async () => {
    fresh();
    put('cat.jpg', await image());
    put('a.json', coco());
    put('train.json', coco());
    await expect(openBoxes(home)).rejects.toThrow(
      'train.json, image 7: expected each image once, got cat.jpg again after a.json, image 7: remove one',
    );
    const header = 'image,class,left,top,width,height\n';
    put('train.csv', `${header}cat.jpg,cat,0,0,9,9\n`);
    put('val.csv', `${header}./cat.jpg,cat,0,0,9,9\n`);
    await expect(openBoxes(home)).rejects.toThrow('got cat.jpg again after train.csv, line 2');
    const size = { width: 9, height: 9 };
    const one = { key: 'a', location: { kind: 'file', path: 'a' }, size, label: 0, boxes: [] } as const;
    expect(refusal(() => boxSource('mine', ['cat'], [one, one]))).toBe(
      'mine: expected each image once, got a twice: remove one',
    );
  });

  it('takes the sizes of images from their headers', async () => {
    fresh();
    const annotation = (change: object) =>
      put('instances_val.json', coco({ images: [{ id: 7, file_name: 'cat.jpg', ...change }] }));
    put('cat.jpg', await image());
    annotation({ width: 80, height: 61 });
    const { size, boxes } = (await openBoxes(home)).validation!.image(0);
    expect(size).toEqual({ width: 40, height: 30 });
    const [top, height] = [(2 * 30) / 61, (20 * 30) / 61];
    expect(Object.values(boxes[0]!)).toBeAllclose([0.5, top, 5.25, height], { rtol: 1e-6, atol: 0 });
    const refused = 'instances_val.json, image 7: expected cat.jpg to have the proportions of ';
    annotation({ width: 30, height: 40 });
    await expect(openBoxes(home)).rejects.toThrow(`${refused}30x40 pixels, got 40x30: correct the size`);
    annotation({ width: 0, height: 0 });
    await expect(openBoxes(home)).rejects.toThrow(`${refused}0x0 pixels, got 40x30`);
    // The boxes are those of the image as it is shown, after its EXIF orientation.
    put(
      'cat.jpg',
      await sharp(await image())
        .withMetadata({ orientation: 6 })
        .toBuffer(),
    );
    annotation({ width: 40, height: 30 });
    await expect(openBoxes(home)).rejects.toThrow(`${refused}40x30 pixels, got 30x40`);
    annotation({ width: 30, height: 40 });
    expect((await openBoxes(home)).validation!.image(0).size).toEqual({ width: 30, height: 40 });
  });

  it('names the images that cannot be read, or stops at the first', async () => {
    fresh();
    const whole = await image();
    put('a.jpg', whole);
    put('b.jpg', whole.subarray(0, 100));
    put('c.bmp', bitmap());
    const lines = ['a.jpg', 'b.jpg', 'c.bmp'].map((name) => `${name},cat,0,0,2,2`);
    put('boxes.csv', `image,class,left,top,width,height\n${lines.join('\n')}\n`);
    const { train, skipped } = await openBoxes(home);
    expect([train!.key(0), train!.key(1), train!.length]).toEqual(['a.jpg', 'c.bmp', 2]);
    expect(train!.image(1).size).toEqual({ width: 4, height: 5 });
    expect(skipped).toEqual([{ key: 'b.jpg', reason: expect.stringMatching(/^b\.jpg: /) }]);
    await expect(openBoxes(home, { strict: true })).rejects.toThrow(/^b\.jpg: /);
  });

  it('is refused in one line that names the place', async () => {
    fresh();
    const csv = async (line: string) => {
      put('boxes.csv', `image,class,left,top,width,height\n${line}\n`);
      return openBoxes(home, { classes: ['cat', 'dog'] });
    };
    put('a.jpg', await image());
    put('b.jpg', 'not an image');
    await expect(openBoxes(join(home, 'none'))).rejects.toThrow(/^no folder or file/);
    await expect(openBoxes(home)).rejects.toThrow(/has no boxes: expected a CSV file/);
    await expect(csv('a.jpg,catt,0,0,5,5')).rejects.toThrow(
      'boxes.csv, line 2: unknown class "catt" (did you mean "cat"?)',
    );
    await expect(csv('c.jpg,cat,0,0,5,5')).rejects.toThrow('boxes.csv, line 2: no image c.jpg in .');
    await expect(csv('../../etc/passwd,cat,0,0,5,5')).rejects.toThrow('lies outside the folder');
    await expect(csv('a.jpg,cat,30,0,20,5')).rejects.toThrow('lies outside its image of 40x30 pixels');
    await expect(csv('a.jpg,cat,41,0,1,5')).rejects.toThrow('lies outside its image of 40x30 pixels');
    await expect(csv('a.jpg,cat,3,0,0,5')).rejects.toThrow('a width and a height above 0');
    await expect(csv('b.jpg,cat,0,0,5,5')).rejects.toThrow(/none of the 1 images can be used; b\.jpg: /);
  });
});
