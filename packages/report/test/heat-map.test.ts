/** Heat maps as files: the sheet of image, map and legend, the names in a folder, the scales of each method. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClassMap } from '@vgg/eval';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { HeatMapFiles, heatMapScales, heatMapSheet, mapValue } from '../src/index';

const folder = mkdtempSync(join(tmpdir(), 'vgg-heat-map-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const image = { data: new Uint8Array(40 * 20 * 3).fill(100), width: 40, height: 20 };
const map: ClassMap = {
  method: 'class-map',
  width: 2,
  height: 1,
  data: Float32Array.of(-0.1, 0.5),
  classIndex: 0,
  low: -0.1,
  high: 0.5,
};

describe('the sheet of a heat map', () => {
  it('has the image at the left, the map over it at the right, and the legend below', async () => {
    const { data, info } = await (await heatMapSheet(image, map, 160)).raw().toBuffer({ resolveWithObject: true });
    const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    // The image has 160x80 pixels; 8 lie between it and the map, and 22 below are the legend's.
    expect([info.width, info.height]).toEqual([328, 102]);
    expect(pixel(80, 40)).toEqual([100, 100, 100]);
    expect(pixel(164, 40)).toEqual([255, 255, 255]);
    const [dark, bright] = [pixel(170, 40), pixel(325, 40)];
    // Colours 000004 and fcffa4 at an opacity of 0.55.
    expect(dark).toBeAllclose([45, 45, 47], { rtol: 0, atol: 2 });
    expect(bright).toBeAllclose([184, 185, 135], { rtol: 0, atol: 2 });
  });

  it('names probabilities in %, and shares of Grad-CAM as numbers', () => {
    expect([mapValue(map, -0.1), mapValue({ method: 'grad-cam' }, 0.5)]).toEqual(['-10.0 %', '0.50']);
  });
});

describe('the files of heat maps', () => {
  it('have the names of the images, numbered where two are the same', async () => {
    const files = new HeatMapFiles(join(folder, 'new', 'maps'), 5);
    for (const key of ['a/cat.png', 'b/cat.webp', 'https://example.com/Cat.jpg?x=1/2', '-', 'dög "1".jpg']) {
      await files.write(image, map, key);
    }
    const names = readdirSync(join(folder, 'new', 'maps')).sort();
    expect(names).toEqual(['Cat-3.jpg', 'cat-2.jpg', 'cat.jpg', 'd_g _1_.jpg', 'image.jpg']);
  });

  it('are one file if the target ends in .png or .jpg', async () => {
    const target = join(folder, 'one.PNG');
    expect(await new HeatMapFiles(target, 1).write(image, map, 'a.jpg')).toBe(target);
    expect((await sharp(target).metadata()).format).toBe('png');
  });

  it('refuse one file for several images, other formats, and a place that cannot be written', async () => {
    expect(() => new HeatMapFiles('x.jpeg', 2)).toThrow(/x\.jpeg takes one image, got 2: name a folder/);
    expect(() => new HeatMapFiles('x.gif', 1)).toThrow(/ends in \.png or \.jpg, or a folder, got x\.gif/);
    writeFileSync(join(folder, 'file'), '');
    const files = new HeatMapFiles(join(folder, 'file'), 2);
    await expect(files.write(image, map, 'a.jpg')).rejects.toThrow(/cannot write the heat map .*file/);
    const nowhere = new HeatMapFiles(join(folder, 'nowhere', 'x.png'), 1);
    await expect(nowhere.write(image, map, 'a.jpg')).rejects.toThrow(/x\.png: there is no such file or folder$/);
  });
});

it('the scales of a heat map are those of training for Grad-CAM, larger for a class map, and one for occlusion', () => {
  expect(heatMapScales({ crop: 64 }, 'grad-cam')).toEqual([64, 96, 128]);
  expect(heatMapScales({ crop: 64 }, 'class-map')).toEqual([128, 192]);
  expect(heatMapScales({ crop: 224 }, 'class-map')).toEqual([448]);
  expect(heatMapScales({ crop: 64 }, 'occlusion')).toEqual([96]);
});
