/** Random trees of folders and files for tests of the layout detector, and an account of them that is not the detector's. */
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { isVggError, type RandomStream } from '@vgg/core';
import type { DataSet, Layout } from '../src/node';

const FOLDERS = (
  'train val valid test images masks Train Testing training_set dev eval cat dog bus images docs devkit seg_train seg_test part1 2017 ' +
  'train2017 __MACOSX @eaDir .git lost+found VAL n01440764 n02100735'
).split(' ');

const FILES = (
  'a.jpg a_mask.png train.txt b.JPG c.png d.jfif e.bmp f.heic g.txt h .DS_Store Thumbs.db ._a.jpg i.xml j.tar.gz k.zip l.svg m.gif n.json ' +
  'o.cls classes.txt LOC_val_solution.csv p.jpeg q.tiff r.webp'
).split(' ');

const BYTES: readonly Buffer[] = [Buffer.from([0x67, 0xfc, 0x6e, 0x2e, 0x6a, 0x70, 0x67]), Buffer.from([0xff, 0xfe])];

function pick<T>(random: RandomStream, items: readonly T[]): T {
  return items[random.integer(items.length)]!;
}

/** A tar archive of files in the old format. */
export function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.from(text);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        0', 148);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc(-content.length & 511)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const TARS: readonly (() => Buffer)[] = [
  () => tarOf({ '1.jpg': 'x', '1.cls': '0', '2.jpg': 'x', '2.cls': '1' }),
  () => tarOf({ '1.jpg': 'x', '1.depth.png': 'x', '1.json': '{"cls":"cat"}', '._1.jpg': 'x', '3.cls': '0' }),
  () => tarOf({ 'cat/1.jpg': 'x', 'dog/2.jpg': 'x' }),
  () => tarOf({}),
  () => Buffer.from([0x1f, 0x8b, 8, 0]),
  () => Buffer.alloc(700, 'text'),
  () => Buffer.alloc(0),
];

const IMAGES = FILES.filter((name) => /^[a-z]\.(jpe?g|png|bmp|gif|tiff|webp)$/i.test(name));

/** Names under which a table may lie. */
const TABLES = ['labels.csv', 'train.csv', 'val.csv', 'meta.tsv', 'list.txt', 'sample_submission.csv'];

/** Folders of images without classes. */
const FLAT = ['.', 'images', 'train', 'val', 'test', 'x_part_1', 'x_part_2', 'cat', 'train/images'];

/** Returns a table of labels as people write them, and some that are damaged. @param folders names that a path may begin with. */
function randomTable(random: RandomStream, folders: readonly string[]): Buffer {
  const delimiter = pick(random, [',', ';', '\t', ' ']);
  const prefix =
    random.uniform() < 0.8
      ? ''
      : pick(
          random,
          [...folders, '..', '/data', 'C:\\x'].map((name) => `${name}/`),
        );
  const hasExtension = random.uniform() < 0.7;
  const split =
    random.uniform() < 0.2
      ? pick(random, [
          ['train', 'val'],
          ['train', 'test', 'fold1'],
        ])
      : undefined;
  const classes = pick(random, [
    ['cat', 'dog'],
    ['0', '1', '2'],
    ['cat', 'dog', 'cat dog'],
    ['1', ''],
    ['"a, b"', 'é'],
  ]);
  const names = IMAGES.filter(() => random.uniform() < 0.9);
  const rows = [...names, ...names.slice(0, random.uniform() < 0.2 ? 2 : 0)].map((name) =>
    [
      prefix + (hasExtension ? name : name.replace(/\..*/, '')),
      pick(random, classes),
      ...(split === undefined ? [] : [pick(random, split)]),
      ...(random.uniform() < 0.01 ? ['more'] : []),
    ].join(delimiter),
  );
  if (random.uniform() < 0.7)
    rows.unshift(['image', 'label', ...(split === undefined ? [] : ['split'])].join(delimiter));
  const bytes = Buffer.from(rows.join(pick(random, ['\n', '\r\n'])));
  const damage = random.uniform();
  if (damage < 0.05) return bytes.subarray(0, random.integer(bytes.length + 1));
  if (damage < 0.1) bytes[random.integer(bytes.length)] = pick(random, [0, 0x22, 0xfc, 0x7c]);
  return damage > 0.9 ? Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]) : bytes;
}

/** Makes a folder of images without class folders, and tables. */
function fillFlat(root: string, random: RandomStream): void {
  const folders = Array.from({ length: 1 + random.integer(2) }, () => pick(random, FLAT));
  for (const folder of folders) {
    mkdirSync(join(root, folder), { recursive: true });
    for (const name of IMAGES) if (random.uniform() < 0.95) writeFileSync(join(root, folder, name), '');
    if (random.uniform() < 0.2) writeFileSync(join(root, folder, pick(random, FILES)), '');
  }
  const count = 1 + random.integer(2);
  for (let i = 0; i < count; i++) {
    const below = random.uniform() < 0.7 ? '' : pick(random, folders);
    writeFileSync(join(root, below, pick(random, TABLES)), randomTable(random, folders));
  }
}

/** Makes a random tree in a new folder and returns its path. */
export function randomTree(random: RandomStream): string {
  const root = mkdtempSync(join(tmpdir(), 'vgg-tree-'));
  const folders = [root];
  const fill = (path: string, depth: number) => {
    const isLeaf = depth >= 3 || random.uniform() < 0.35;
    const files = random.integer(depth === 0 ? 3 : 5);
    // Most classes have an image: without one a tree is refused.
    if (isLeaf && depth > 0 && random.uniform() < 0.95) writeFileSync(join(path, 'a.jpg'), '');
    for (let i = 0; i < files; i++) writeFileSync(join(path, pick(random, FILES)), '');
    if (random.uniform() < 0.08) {
      writeFileSync(
        join(path, pick(random, ['train-0.tar', 'val-0.tar', 'x-test-1.tar', 'photos.tar'])),
        pick(random, TARS)(),
      );
    }
    if (random.uniform() < 0.05) writeFileSync(join(path, pick(random, TABLES)), randomTable(random, FOLDERS));
    if (random.uniform() < 0.03) {
      writeFileSync(Buffer.concat([Buffer.from(`${path}/`), pick(random, BYTES)]), '');
    }
    if (random.uniform() < 0.02) writeFileSync(join(path, 'data_batch_1.bin'), Buffer.alloc(random.integer(2) * 3073));
    if (isLeaf) return;
    const count = 1 + random.integer(4);
    for (let i = 0; i < count; i++) {
      const below = join(path, pick(random, FOLDERS));
      mkdirSync(below, { recursive: true });
      folders.push(below);
      fill(below, depth + 1);
    }
  };
  if (random.uniform() < 0.3) fillFlat(root, random);
  else fill(root, 0);
  if (random.uniform() < 0.15) {
    const links = 1 + random.integer(3);
    for (let i = 0; i < links; i++) {
      const from = pick(random, folders);
      const target = pick(random, [...folders, dirname(from), 'nowhere', '.']);
      try {
        symlinkSync(
          target === '.' ? '.' : relative(from, target) || '.',
          join(from, pick(random, ['link', 'val', 'cat2', 'z.jpg'])),
        );
      } catch {
        // The name is taken.
      }
    }
  }
  return root;
}

/** Names of hidden and system entries, which are counted as one, whatever they hold. */
const SYSTEM = /^(\.|__MACOSX$|@eaDir$|lost\+found$|Thumbs\.db$)/;

/** Counts files and system folders below a folder; links are left out, as their number depends on what they mean. */
export function countFiles(path: string | Buffer): { entries: number; links: number } {
  const total = { entries: 0, links: 0 };
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
    const below = Buffer.concat([Buffer.from(path), Buffer.from('/'), entry.name]);
    if (entry.isSymbolicLink() && !SYSTEM.test(entry.name.toString())) total.links += 1;
    else if (entry.isDirectory() && !SYSTEM.test(entry.name.toString())) {
      const inside = countFiles(below);
      total.entries += inside.entries;
      total.links += inside.links;
    } else total.entries += 1;
  }
  return total;
}

/** Number of images of a data set. */
function imagesOf({ train, validation, test }: DataSet): number {
  return [train, validation, test].reduce((sum, source) => sum + (source?.length ?? 0), 0);
}

/**
 * Opens a tree and compares the data set with the tree.
 * @returns what came out; `accounted` is false if a file is neither used nor counted.
 * @throws the error of `open` if it is not a VggError.
 */
export async function tryTree(
  path: string,
  layout: Layout,
  open: (path: string, options: { layout: Layout }) => Promise<DataSet>,
): Promise<{ result: string; accounted: boolean; missing?: string }> {
  let set: DataSet;
  try {
    set = await open(path, { layout });
  } catch (error) {
    if (!isVggError(error) || error.message.includes('\n')) throw error;
    return { result: error.code, accounted: true };
  }
  const { entries, links } = countFiles(path);
  const unused = set.unused.reduce((sum, { count }) => sum + count, 0);
  if (!['class folders', 'table of labels'].includes(set.layout) || links > 0)
    return { result: set.layout, accounted: entries === 0 || imagesOf(set) + unused > 0 };
  const missing = entries - imagesOf(set) - unused;
  // Tables and lists that are used are named in a note, and are not images.
  const used = set.notes.flatMap((note) =>
    (/^(.*) has the classes|^the parts are those of ([^;]*)/.exec(note) ?? []).slice(1),
  );
  const accounted = missing === used.flatMap((names) => names?.split(', ') ?? []).length;
  return { result: set.layout, accounted, ...(accounted ? {} : { missing: `${missing} of ${entries}` }) };
}
