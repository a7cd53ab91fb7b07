/** Runs over time: images that move, more epochs, words about training images, and the list of runs. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { home, images, TINY, trainer } from './command-line';

/** Class folders without parts. */
let data: string;
const train = (...words: string[]) =>
  trainer(['train', ...TINY, '--batch', '8', '--micro-batch', '4', '--batch-norm', '--epochs', '1', ...words]);
const evaluate = (...words: string[]) =>
  trainer(['evaluate', '--engine', 'wasm', '--protocol', 'single', '--scales', '37', ...words]);
const listOf = (run: string): string[] => JSON.parse(readFileSync(join(home, run, 'images.json'), 'utf8')).validation;

beforeAll(async () => {
  data = join(home, 'flat');
  cpSync(join(await images(), 'train'), data, { recursive: true });
  const { code, stderr } = await train('--data', data, '--val-fraction', '0.25', '--out', 'runs/one');
  expect({ code, stderr }).toMatchObject({ code: 0 });
}, 120_000);

describe('the validation images of a run', () => {
  it('do not depend on the random seed or on the place of the folder', async () => {
    const elsewhere = join(home, 'elsewhere');
    cpSync(data, elsewhere, { recursive: true });
    await train('--data', elsewhere, '--val-fraction', '0.25', '--seed', '2', '--out', 'runs/two');
    expect(listOf('runs/two')).toEqual(listOf('runs/one'));
    expect(listOf('runs/one')).toHaveLength(10);
  });

  it('are found again after the folder has moved; images that a net was trained on are counted', async () => {
    const moved = await evaluate('--run', 'runs/one', '--data', 'elsewhere');
    expect(moved.stdout).toMatch(/\n10 images/);
    expect(moved.stderr).not.toMatch(/was trained on/);
    const all = await evaluate('--weights', 'runs/one', '--data', 'elsewhere', '--split', 'all');
    expect(all.stderr).toMatch(/runs\/one was trained on 30 of these 40 images/);
    const part = join(home, 'part');
    cpSync(data, part, { recursive: true });
    for (const name of readdirSync(part)) {
      const [first] = readdirSync(join(part, name)).sort();
      rmSync(join(part, name, first!));
      renameSync(join(part, name), join(part, `x${name}`));
      renameSync(join(part, `x${name}`), join(part, name));
    }
    const some = await evaluate('--run', 'runs/one', '--data', 'part');
    expect(some.stderr).toMatch(/was trained on about \d+ of these 30 images/);
  });

  it('of another run that are training images of a fused one are counted', async () => {
    await train('--data', data, '--val-fraction', '0.5', '--out', 'runs/half');
    const { stderr } = await evaluate('--run', 'runs/half', '--run', 'runs/one');
    expect(stderr).toMatch(/runs\/one was trained on 10 of these 20 images/);
  });
});

describe('a run', () => {
  it('continues with images that have moved, and after its end for more epochs', async () => {
    renameSync(data, join(home, 'moved'));
    try {
      const lost = await trainer(['train', '--resume', 'runs/one', '--epochs', '2']);
      expect(lost).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/if its images have moved, add --data DIR/),
      });
      const other = await trainer(['train', '--resume', 'runs/one', '--data', 'part', '--epochs', '2']);
      expect(other).toMatchObject({ code: 2, stderr: expect.stringMatching(/does not hold the images of/) });
      const longer = await trainer(['train', '--resume', 'runs/one', '--data', 'moved', '--epochs', '2']);
      expect(longer).toMatchObject({ code: 0, stderr: expect.stringMatching(/epoch 2\/2/) });
      const fewer = await trainer(['train', '--resume', 'runs/one', '--epochs', '1']);
      expect(fewer).toMatchObject({ code: 2, stderr: expect.stringMatching(/has trained 2 epochs/) });
    } finally {
      renameSync(join(home, 'moved'), data);
    }
  });

  it('names the data set, the part and the limit of pixels in its results', async () => {
    const words = ['--run', 'runs/two', '--data', 'elsewhere', '--json'];
    const { stdout } = await evaluate(...words);
    expect(JSON.parse(stdout)).toMatchObject({
      data: join(home, 'elsewhere'),
      part: 'validation',
      images: 10,
      skipped: [],
    });
    const limited = await evaluate(...words, '--max-pixels', '1000');
    expect(limited.code).not.toBe(0);
    expect(limited.stderr).toMatch(
      /above the limit of 1000 pixels: crop it, or raise the limit \(maxImagePixels, --max-pixels\)/,
    );
  });

  it('keeps its results on more images', async () => {
    const words = ['--run', 'runs/two', '--data', 'elsewhere'];
    await evaluate(...words);
    const { stderr } = await evaluate(...words, '--limit', '5');
    expect(stderr).toMatch(/keeps its results on 10 images: those on 5 do not replace them/);
  });

  it('that fails to start leaves no folder', async () => {
    const { code } = await train('--data', data, '--weights', 'runs/none', '--out', 'runs/failed');
    expect(code).toBe(2);
    expect(existsSync(join(home, 'runs/failed'))).toBe(false);
  });
});

describe('runs', () => {
  it('lists, compares, renames, copies and removes', async () => {
    mkdirSync(join(home, 'runs/empty'));
    const { stdout } = await trainer(['runs']);
    expect(stdout).toMatch(/\| two +\| complete +\| A bn, width 0\.0625, 32 px \| elsewhere \(30\)/);
    const listed = JSON.parse((await trainer(['runs', 'list', 'runs', '--json'])).stdout);
    expect(listed[0]).toMatchObject({ name: 'one', state: 'complete', images: { train: 30, validation: 10 } });
    mkdirSync(join(home, 'runs/damaged'));
    writeFileSync(join(home, 'runs/damaged/run.json'), '{');
    const again = await trainer(['runs', 'runs']);
    expect(again.stdout).toBe(stdout);
    expect(again.stderr).toMatch(/warning: \S+damaged is not a run folder: its run\.json is not JSON/);
    rmSync(join(home, 'runs/damaged'), { recursive: true });
    expect(await trainer(['runs', 'lst'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /"lst" is neither a folder nor an action \(did you mean "list"\?\): expected list,/,
      ),
    });
    expect((await trainer(['runs', 'compare', 'runs/one', 'runs/two'])).stdout).toMatch(/\| seed +\| 1 +\| 2 +\|/);
    expect((await trainer(['runs', 'rename', 'runs/two', 'renamed'])).code).toBe(0);
    expect((await trainer(['runs', 'copy', 'runs/renamed', 'two'])).code).toBe(0);
    expect((await trainer(['runs', 'copy', 'runs/renamed', 'two'])).stderr).toMatch(/two exists: choose another name/);
    execFileSync('mkfifo', [join(home, 'runs/renamed/pipe')]);
    expect((await trainer(['runs', 'copy', 'runs/renamed', 'part'])).stderr).toMatch(/^error: cannot copy .*part: /m);
    expect(existsSync(join(home, 'runs/part'))).toBe(false);
    rmSync(join(home, 'runs/renamed/pipe'));
    expect((await trainer(['runs', 'prune'])).stdout).toMatch(/runs\/empty/);
    expect(existsSync(join(home, 'runs/empty'))).toBe(true);
    expect((await trainer(['runs', 'prune', '--yes'])).code).toBe(0);
    expect([existsSync(join(home, 'runs/empty')), existsSync(join(home, 'runs/two/checkpoints'))]).toEqual([
      false,
      false,
    ]);
    const pruned = await trainer(['train', '--resume', 'runs/two', '--epochs', '3']);
    expect(pruned.stderr).toMatch(/has ended and has no checkpoints: start a new run with --weights/);
  });
});
