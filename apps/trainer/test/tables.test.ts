/** Images whose classes are in a table, through the commands that open data. */
import { cpSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSource } from '@vgg/data/node';
import { expect, it } from 'vitest';
import { home, images, TINY, trainer } from './command-line';

it('are trained on, resumed, evaluated where they have moved, and not taken for the same with other classes', async () => {
  const { train } = await openSource(await images(4, 1));
  const data = join(home, 'photos');
  mkdirSync(join(data, 'images'), { recursive: true });
  const rows = Array.from({ length: train!.length }, (_, i) => {
    const name = train!.key(i).replaceAll(/[\\/]/g, '-');
    const location = train!.location(i);
    if (location.kind === 'file') cpSync(location.path, join(data, 'images', name));
    return `${name.replace('.jpg', '')},${train!.classes[train!.label(i)]}`;
  });
  const table = join(data, 'labels.csv');
  writeFileSync(table, ['id,breed', ...rows, 'missing,disc'].join('\n'));

  const words = ['--batch', '10', '--epochs', '1', '--val-fraction', '0.25', '--out', 'run'];
  const trained = await trainer(['train', '--data', data, ...TINY, '--batch-norm', ...words]);
  expect([trained.code, trained.stderr]).toEqual([
    0,
    expect.stringMatching(
      /labels.csv has the classes \(column breed: checks, .*, … 10\) of 40 images \(column id\).*\n.*labels.csv: 1 of its 41 rows name no image, such as line 42, "missing"/,
    ),
  ]);
  const more = await trainer(['train', '--resume', 'run', '--epochs', '2']);
  expect([more.code, more.stderr]).toEqual([0, expect.not.stringMatching(/have changed/)]);

  const moved = join(home, 'moved');
  renameSync(data, moved);
  const evaluate = ['evaluate', 'run', '--data', moved, '--protocol', 'single', '--json', '--engine', 'wasm'];
  const same = await trainer(evaluate);
  expect(same.stderr).toMatch(
    /holds the images of \S+run \(recognised by their content\): they are split as in its training/,
  );
  expect(JSON.parse(same.stdout)).toMatchObject({ images: 10, part: 'validation' });

  const turned = rows.map((row, i) => `${row.split(',')[0]},${rows[(i + 4) % rows.length]!.split(',')[1]}`);
  writeFileSync(join(moved, 'labels.csv'), ['id,breed', ...turned].join('\n'));
  const other = await trainer(evaluate);
  expect(JSON.parse(other.stdout)).toMatchObject({ images: 40 });
  expect(other.stderr).toMatch(/run was trained on about \d+ of these 40 images/);
});
