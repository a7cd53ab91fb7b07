/** A net of rectangles through the command line: trained, resumed, evaluated, used, exported and reported as one of squares. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { home, images, TINY, trainer } from './command-line';

let data: string;
let image: string;
const NET = [...TINY, '--input', '32x64'];
const BEYOND = ['--random-erasing', '0.5', '--random-crop', '0.3', '--trivial-augment', '--cut-mix', '0.5'];
const RUN = ['--run', 'wide', '--engine', 'wasm'];

function train(...words: string[]) {
  return trainer(['train', '--data', data, ...NET, '--batch', '8', '--epochs', '2', ...words]);
}

/** Returns the bytes of a run's best weights and of its newest checkpoint. */
function saved(run: string): Buffer[] {
  const checkpoints = join(home, run, 'checkpoints');
  const newest = readdirSync(checkpoints)
    .filter((name) => name.endsWith('.safetensors'))
    .sort()
    .at(-1)!;
  return [join(home, run, 'model.safetensors'), join(checkpoints, newest)].map((path) => readFileSync(path));
}

beforeAll(async () => {
  data = await images();
  image = join(data, 'val', 'star', '0000.jpg');
  expect(await train(...BEYOND, '--out', 'wide')).toMatchObject({ code: 0 });
});

describe('a run of rectangles', () => {
  it('records height and width, and the scale of its longer side', () => {
    const { net, transform } = JSON.parse(readFileSync(join(home, 'wide', 'run.json'), 'utf8'));
    expect(net.inputSize).toEqual([32, 64]);
    // 64 · 256 / 224 = 73.1.
    expect(transform).toMatchObject({ crop: [32, 64], scale: 73 });
    expect(readFileSync(join(home, 'wide', 'recipe.yaml'), 'utf8')).toContain('\ninput: 32x64\n');
  });

  it('is evaluated by every protocol', async () => {
    const { code, stdout } = await trainer(['evaluate', ...RUN, '--protocol', 'all', '--limit', '4', '--json']);
    expect(code).toBe(0);
    const { rows } = JSON.parse(stdout);
    // The step between scales is a seventh of the longer side; 73 - 9 = 64 still covers it.
    const all = rows.filter(({ scales }: { scales: number[] }) => scales.join() === '64,73,82');
    expect(all.map(({ protocol }: { protocol: string }) => protocol)).toEqual([
      'single',
      'dense',
      'multi-crop',
      'both',
    ]);
  });

  it('predicts, and draws where it looks', async () => {
    const { code, stdout } = await trainer(['predict', ...RUN, image, '--heat-map', 'where.png', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)[0].classes).toHaveLength(5);
    expect(existsSync(join(home, 'where.png'))).toBe(true);
    const file = await trainer(['predict', '--weights', 'wide/model.safetensors', image, '--engine', 'wasm', '--json']);
    expect(JSON.parse(file.stdout)[0].classes).toHaveLength(5);
  });

  it('is inspected, reported and exported', async () => {
    expect((await trainer(['inspect', '--run', 'wide'])).stdout).toMatch(/^A, input 32×64, width 0\.0625/);
    expect((await trainer(['inspect', '--input', '64x128'])).stdout).toMatch(/^D, input 64×128/);
    expect(await trainer(['report', 'wide', '--evaluate', 'none', '--engine', 'wasm'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(home, 'wide', 'report.html'), 'utf8')).toContain('32×64');
    const { code, stderr } = await trainer(['convert', 'wide', 'wide.onnx', '--preprocessing', 'inside']);
    expect(code).toBe(0);
    expect(stderr).toContain('the smallest side to 73 (antialiased), cut 32x64 from the centre');
    const loaded = await trainer(['inspect', 'wide.onnx']);
    expect(loaded.stdout).toMatch(/input 32×64/);
    expect(await trainer(['convert', 'wide', 'web', '--to', 'tfjs'])).toMatchObject({ code: 0 });
  });

  it('is converted for images of another size without its classifier, and refused with it', async () => {
    const features = await trainer(['convert', 'wide', 'features.safetensors', '--head', 'none', '--input', '96x160']);
    expect(features).toMatchObject({ code: 0 });
    expect((await trainer(['inspect', 'features.safetensors'])).stdout).toMatch(/input 96×160/);
    const other = await trainer(['convert', 'wide', 'other.onnx', '--input', '64x32']);
    expect(other.code).toBe(2);
    expect(other.stderr.trim()).toMatch(/^error: .*take images of 32x64 .*, got an input size of 64x32: leave it out/);
    expect(existsSync(join(home, 'other.onnx'))).toBe(false);
  });

  it('continues to exactly the weights of an uninterrupted run', async () => {
    expect(await train(...BEYOND, '--epochs', '1', '--out', 'half')).toMatchObject({ code: 0 });
    const resumed = await trainer(['train', '--resume', 'half', '--epochs', '2']);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toMatch(/continuing/);
    const whole = saved('wide');
    expect(saved('half').map((bytes, i) => bytes.equals(whole[i]!))).toEqual([true, true]);
  });

  it('starts another one with its weights, but not one of the other orientation', async () => {
    const started = await trainer(['train', '--data', data, '--weights', 'wide', '--batch', '8', '--max-steps', '1']);
    expect(started).toMatchObject({ code: 0 });
    // The name of the folder is that of the net, which the weights determine.
    expect(started.stderr).toMatch(/the run is \S*runs\/A-\d{8}-\d{6}/);
    expect(started.stderr).toMatch(/starting from .*wide, .*input 32×64.*: all layers are loaded/);
    const tall = await train('--weights', 'wide', '--input', '64x32', '--out', 'tall');
    expect(tall.code).toBe(2);
    expect(tall.stderr).toMatch(/wide has inputSize 32×64, expected 64×32: leave out/);
  });
});

describe('rectangles that cannot be used are refused', () => {
  it.each([
    ['64x', /a side like 96, or height and width like 64x128, each from 32 to 4096/],
    ['0x10', /from 32 to 4096/],
    ['64x64x3', /from 32 to 4096/],
  ])('%s', async (input, message) => {
    const { code, stderr } = await train('--input', input, '--out', 'bad');
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('larger than S in one direction', async () => {
    const { code, stderr } = await train('--scale', '48', '--out', 'bad');
    expect(code).toBe(2);
    expect(stderr).toMatch(/--scale 48 is below the longer side of the crop, --input 32x64: raise the scale/);
    const small = await trainer(['evaluate', ...RUN, '--scales', '48']);
    expect(small.code).toBe(2);
    expect(small.stderr).toMatch(/needs integer scales Q ≥ 64, got 48/);
  });

  it('in a checkpoint of the other orientation, and in a study', async () => {
    expect(await train('--input', '64x32', '--out', 'other')).toMatchObject({ code: 0 });
    cpSync(join(home, 'wide'), join(home, 'mixed'), { recursive: true });
    for (const name of readdirSync(join(home, 'mixed'))) {
      if (name === 'checkpoints' || name === 'model.safetensors')
        rmSync(join(home, 'mixed', name), { recursive: true });
    }
    cpSync(join(home, 'other', 'checkpoints'), join(home, 'mixed', 'checkpoints'), { recursive: true });
    const resumed = await trainer(['train', '--resume', 'mixed', '--epochs', '3', '--engine', 'wasm']);
    expect(resumed.code).not.toBe(0);
    expect(resumed.stderr).toMatch(/inputs of 64x32 \(height x width\), expected 32x64/);
    const paper = await trainer(['paper', '--data', data, '--input', '32x64']);
    expect(paper.code).toBe(2);
    expect(paper.stderr).toMatch(/--input.*integer, from 32 to 4096/);
  });
});
