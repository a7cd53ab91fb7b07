/** Use of a trained run: evaluate, predict, report and inspect. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { home, images, TINY, trainer } from './command-line';

let data: string;
beforeAll(async () => {
  data = await images();
  for (const [seed, out] of Object.entries({ 1: 'one', 2: 'two' })) {
    const words = ['train', '--data', data, ...TINY, '--batch', '8', '--batch-norm', '--epochs', '2', '--seed', seed];
    expect(await trainer([...words, '--out', out])).toMatchObject({ code: 0 });
  }
});

describe('evaluate', () => {
  it('gives every protocol, scale and their combinations, with posteriors as JSON lines', async () => {
    const words = ['evaluate', '--run', 'one', '--protocol', 'all', '--scales', '32,40', '--engine', 'wasm', '--json'];
    const { code, stdout } = await trainer([...words, '--limit', '5', '--predictions', 'predictions.jsonl']);
    expect(code).toBe(0);
    const { rows, images } = JSON.parse(stdout);
    expect(images).toBe(5);
    expect(rows.map((row: { protocol: string; scales: number[] }) => `${row.protocol} ${row.scales}`)).toEqual(
      ['single', 'dense', 'multi-crop', 'both'].flatMap((name) =>
        ['32', '40', '32,40'].map((scale) => `${name} ${scale}`),
      ),
    );
    const lines = readFileSync(join(home, 'predictions.jsonl'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(5 * 4);
  });

  it('fuses several runs', async () => {
    const words = ['evaluate', '--run', 'one', '--run', 'two', '--protocol', 'single', '--scales', '32'];
    const { code, stdout } = await trainer([...words, '--engine', 'wasm']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/fusion of 2/);
    expect(stdout).toMatch(/20 images/);
  });
});

describe('predict', () => {
  it('names the five likeliest classes of each image, and the images that it could not read', async () => {
    const image = join(data, 'val', 'star', '0000.jpg');
    const good = await trainer(['predict', '--run', 'one', image, '--engine', 'wasm', '--json']);
    const [{ classes }] = JSON.parse(good.stdout);
    expect(classes).toHaveLength(5);
    writeFileSync(join(home, 'text.jpg'), 'not an image');
    const mixed = await trainer(['predict', '--run', 'one', 'text.jpg', image, '--engine', 'wasm', '--quiet']);
    expect(mixed.code).toBe(2);
    expect(mixed.stdout).toMatch(/0000\.jpg\n +\d/);
    expect(mixed.stderr).toMatch(/text\.jpg.*\n?.*error: 1 of 2 images could not be read/s);
  });
});

it.skipIf(process.platform === 'win32')('predict reads a pipe that is named, as a shell makes for <(...)', async () => {
  const pipe = join(home, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', join(data, 'val', 'star', '0000.jpg'), pipe]);
  const { code, stdout, stderr } = await trainer(['predict', '--run', 'one', pipe, '--engine', 'wasm', '--quiet']);
  writer.kill();
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/pipe\n +\d/);
});

describe('predict --heat-map', () => {
  const image = () => join(data, 'val', 'star', '0000.jpg');
  const heat = (...words: string[]) => trainer(['predict', '--run', 'one', '--engine', 'wasm', ...words]);

  it('draws the image, the map and a legend, for the likeliest class or the one named', async () => {
    const likeliest = await heat(image(), '--heat-map', 'likeliest.png');
    expect(likeliest).toMatchObject({ code: 0 });
    const [, first] = /% {2}(\S+)/.exec(likeliest.stdout)!;
    expect(likeliest.stderr).toMatch(new RegExp(`occlusion of ${first} at Q = [\\d, ]+: likeliest\\.png`));
    const words = ['--heat-map', 'star.jpg', '--class', 'star', '--heat-map-method', 'grad-cam', '--quiet'];
    const { code, stderr } = await heat(image(), ...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [png, jpeg] = [
      await sharp(join(home, 'likeliest.png')).metadata(),
      await sharp(join(home, 'star.jpg')).metadata(),
    ];
    // The longer side of the image has at least 320 pixels; the map lies next to it.
    const { width: across, height: down } = await sharp(image()).metadata();
    const width = 2 * Math.round((320 * across) / Math.max(across, down)) + 8;
    expect([png.format, png.width, jpeg.format, jpeg.width]).toEqual(['png', width, 'jpeg', width]);
  });

  it('draws several images into a folder', async () => {
    const other = join(data, 'val', readdirSync(join(data, 'val')).find((name) => name !== 'star')!, '0000.jpg');
    const { code } = await heat(image(), other, '--heat-map', 'maps/new', '--heat-map-method', 'class-map');
    expect(code).toBe(0);
    expect(readdirSync(join(home, 'maps', 'new')).sort()).toEqual(['0000-2.jpg', '0000.jpg']);
  });

  it.each([
    [['--heat-map', 'x.png', 'other.jpg'], /x\.png takes one image, got 2: name a folder/],
    [['--heat-map', 'x.gif'], /a file that ends in \.png or \.jpg, or a folder, got x\.gif/],
    [['--heat-map', 'x.png', '--class', 'sta'], /--class sta is not a class of the net.*did you mean "star"/],
    [['--class', 'star'], /add --heat-map DIR/],
    [['--heat-map-method', 'occlusion'], /--heat-map-method is an option of heat maps: add --heat-map DIR/],
    [['--heat-map', 'x', '--heat-map-method', 'cam'], /grad-cam/],
    [['--heat-map', 'none/x.png'], /cannot write the heat map none\/x\.png/],
  ])('refuses %j', async (words, message) => {
    const { code, stderr } = await heat(image(), ...words);
    expect(code === 2 || /cannot write/.test(stderr)).toBe(true);
    expect(stderr.trim().split('\n').at(-1)).toMatch(message);
  });
});

describe('report', () => {
  it('is made again with what was evaluated since, and without the images that are gone', async () => {
    const words = [
      'report',
      'one',
      '--evaluate',
      'single',
      '--scales',
      '32',
      '--engine',
      'wasm',
      '--out',
      'again.html',
    ];
    const { code, stdout } = await trainer([...words, '--json']);
    expect(code).toBe(0);
    const { report, rows } = JSON.parse(stdout);
    expect(
      rows.map(({ protocol, scales }: { protocol: string; scales: number[] }) => [protocol, scales]),
    ).toContainEqual(['single', [32]]);
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>[\s\S]*"protocol":"single","scales":\[32\]/);
    const record = JSON.parse(readFileSync(join(home, 'one', 'run.json'), 'utf8'));
    cpSync(join(home, 'one'), join(home, 'moved'), { recursive: true });
    writeFileSync(
      join(home, 'moved', 'run.json'),
      JSON.stringify({ ...record, recipe: { ...record.recipe, data: '/gone' } }),
    );
    expect(await trainer(['report', 'moved', '--engine', 'wasm'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(home, 'moved', 'report.html'), 'utf8')).toContain('The images are no longer in /gone.');
    expect(await trainer(['report', 'nothing'])).toMatchObject({ code: 2 });
  });
});

describe('inspect', () => {
  it('prints the costs of a configuration and the net of a run', async () => {
    const { stdout } = await trainer(['inspect', '--config', 'D']);
    expect(stdout).toMatch(/total +138,357,544/);
    const run = await trainer(['inspect', '--run', 'one', '--json']);
    expect(JSON.parse(run.stdout)).toMatchObject({ net: { configuration: 'A', classes: 10 } });
  });
});
