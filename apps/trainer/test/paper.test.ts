import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recipeNames, recipePath } from '@vgg/recipes';
import { afterAll, describe, expect, it } from 'vitest';
import { PAPER_SCALES, TABLES_3_AND_4 } from '../src/paper/figures';
import { allot, deepest, epochsLeft, inputFor, scaleFor, studyNets } from '../src/paper/plan';
import { extended, type Study } from '../src/paper/study';
import { markdown, type Result, tables } from '../src/paper/tables';
import { home, images, trainer } from './command-line';

const folder = mkdtempSync(join(tmpdir(), 'paper-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the nets of a study', () => {
  it('are chained as the paper chains them', () => {
    const nets = studyNets(['D', 'A', 'A-LRN'], ['256:512', '256', '384'], 32);
    const chain = nets.map(({ name, scale, from }) => `${name} ${scale} ${from ? `${from.key} ${from.net}` : '-'}`);
    expect(chain).toEqual([
      ...['A-256 37 -', 'A-LRN-256 37 -', 'D-256 37 preInit A-256'],
      ...['A-384 55 weights A-256', 'A-LRN-384 55 weights A-LRN-256', 'D-384 55 weights D-256'],
      ...['A-256-512 37,73 weights A-384', 'A-LRN-256-512 37,73 weights A-LRN-384', 'D-256-512 37,73 weights D-384'],
    ]);
    expect(deepest(nets).map(({ name }) => name)).toEqual(['A-LRN-256-512', 'D-256-512']);
    expect(studyNets(['D', 'E'], ['384'], 224).map(({ from }) => from)).toEqual([undefined, undefined]);
  });

  it('have the proportions of the paper for images of any size', () => {
    expect([32, 64, 100, 160, 333, 2000].map(inputFor)).toEqual([32, 64, 96, 128, 224, 224]);
    expect(PAPER_SCALES.map((scale) => scaleFor(scale, 224))).toEqual([256, 384, [256, 512]]);
    expect(scaleFor('384', 64)).toBe(110);
  });
});

describe('a budget', () => {
  const nets = studyNets(['A', 'D'], ['256', '384'], 32);
  const images = { train: 10_000, validation: 1000 };
  const paces = { A: { trainingImage: 0.001, pixel: 1e-7 }, D: { trainingImage: 0.003, pixel: 3e-7 } };

  it('gives every net of a scale the same epochs, and slower ones more time', () => {
    const plan = allot(nets, paces, images, 32, { batch: 64, epochs: 74 }, 1800);
    expect(plan.trainImages).toBe(10_000);
    expect(plan.epochs['A-256']).toBe(plan.epochs['D-256']);
    expect(plan.epochs['A-384']).toBe(Math.round(plan.epochs['A-256']! / 2));
    // One epoch: A 10 s and 0.1 s of validation, D three times that; times 1 at 256 and 0.5 at 384.
    const spent = plan.epochs['A-256']! * (10.1024 + 30.3072) + plan.epochs['A-384']! * (10.1024 + 30.3072);
    expect(spent).toBeGreaterThan(1800 * 0.55);
    expect(spent).toBeLessThan(1800 * 0.92);
    expect(plan.denseImages).toBe(1000);
  });

  it('uses fewer images where the epochs would be too few, and at most the epochs of the paper', () => {
    const plan = allot(nets, paces, images, 32, { batch: 64, epochs: 74 }, 120);
    expect(plan.epochs['D-256']).toBe(3);
    expect(plan.trainImages).toBeLessThan(10_000);
    expect(plan.trainImages).toBeGreaterThan(1000);
    expect(plan.cropImages).toBeLessThan(1000);
    expect(allot(nets, paces, images, 32, { batch: 64, epochs: 74 }, 1e6).epochs['A-256']).toBe(74);
  });

  it('that is too small is refused with one that is large enough', () => {
    expect(() => allot(nets, paces, images, 32, { batch: 64, epochs: 74 }, 5)).toThrow(
      /5 s are too few for 4 nets: raise --budget to 1m or more/,
    );
    expect(() => allot(nets, paces, images, 32, { batch: 64, epochs: 74 }, 60)).not.toThrow();
  });

  it('is kept when training is slower than planned', () => {
    expect(epochsLeft(10, { own: 100, remaining: 300 }, 300)).toBe(10);
    expect(epochsLeft(10, { own: 100, remaining: 300 }, 150)).toBe(5);
    expect(epochsLeft(10, { own: 100, remaining: 300 }, 20)).toBe(1);
    expect(epochsLeft(10, { own: 100, remaining: 300 }, 5)).toBe(0);
  });
});

describe('a study with more time', () => {
  const study = {
    settings: { budget: 60 },
    trained: { 'A-256': { epochs: 3, seconds: 9 }, 'D-256': { epochs: 0, seconds: 0 } },
    protocols: [{}],
    notes: ['Left out'],
  } as unknown as Study;

  it('completes what it left out, and is evaluated again', () => {
    expect(extended(study, 90)).toEqual({
      settings: { budget: 90 },
      trained: { 'A-256': { epochs: 3, seconds: 9 } },
    });
    const complete = { ...study, trained: { 'A-256': { epochs: 3, seconds: 9 } } };
    expect(extended(complete, 90)).toMatchObject({ trained: complete.trained, protocols: [{}] });
    expect(extended({ ...complete, protocols: [] }, 90).protocols).toBeUndefined();
  });
});

describe('the tables', () => {
  const nets = studyNets(['D', 'E'], ['256', '256:512'], 224);
  const result = (name: string | string[], protocol: Result['protocol'], scales: number[], top1: number): Result => ({
    ...{ nets: [name].flat(), protocol, scales, images: 100, top1Error: top1, top5Error: top1 / 4 },
  });
  const dense = {
    'D-256': [result('D-256', 'dense', [256], 27.25), result('D-256', 'dense', [224, 256, 288], 26.5)],
    'D-256-512': [result('D-256-512', 'dense', [384], 25), result('D-256-512', 'dense', [256, 384, 512], 24)],
  };
  const both = ['D-256-512', 'E-256-512'];
  const protocols = [
    result('D-256-512', 'dense', [256, 384, 512], 24),
    result('D-256-512', 'both', [256, 384, 512], 23),
    result('D-256-512', 'both', [384], 99),
    result(both, 'both', [256, 384, 512], 22),
    result(both, 'dense', [256, 384, 512], 22.5),
  ];
  const made = tables({ nets, input: 224, k: 5, epochs: { 'D-256': 7, 'D-256-512': 3 }, dense, protocols });

  it('have the figures of the paper next to those of the study', () => {
    expect(made.map(({ rows }) => rows)).toEqual([
      [
        ['D', '256', '256', '7', '27.3', '6.8', '256', '27.0', '8.8'],
        ['D', '[256;512]', '384', '3', '25.0', '6.3', '[256;512]', '25.6', '8.1'],
      ],
      [
        ['D', '256', '224, 256, 288', '7', '26.5', '6.6', '256', '26.6', '8.6'],
        ['D', '[256;512]', '256, 384, 512', '3', '24.0', '6.0', '[256;512]', '24.8', '7.5'],
      ],
      [
        ['D', 'dense', '256, 384, 512', '24.0', '6.0', '24.8', '7.5'],
        ['D', 'both', '256, 384, 512', '23.0', '5.8', '24.4', '7.2'],
      ],
      [
        ['D + E', 'both', '256, 384, 512', '22.0', '5.5', '23.7', '6.8'],
        ['D + E', 'dense', '256, 384, 512', '22.5', '5.6', '', ''],
      ],
    ]);
  });

  it('are Markdown', () => {
    const text = markdown('A study', made, ['one note']);
    expect(text).toMatch(/^# A study\n\n## Table 3: one test scale, dense\n\n\| net +\| S /);
    expect(text.trimEnd().endsWith('## Notes\n\n- one note')).toBe(true);
  });

  it('agree with the heads of the recipes', () => {
    const heads = recipeNames()
      .filter((name) => name.startsWith('imagenet'))
      .map((name) => readFileSync(recipePath(name), 'utf8'));
    expect(heads).toHaveLength(TABLES_3_AND_4.length);
    for (const { config, scale, single, multi } of TABLES_3_AND_4) {
      const head = heads.find(
        (text) => text.includes(`\nconfig: ${config}\n`) && text.includes(`\nscale: ${scale}\n`),
      )!;
      const figures = ([top1, top5]: readonly number[]) => `${top1!.toFixed(1)} % top-1, ${top5!.toFixed(1)} % top-5`;
      expect(head).toContain(`Error:    ${figures(single)}, dense at Q = ${scale === '256:512' ? 384 : scale}`);
      if (multi !== undefined) expect(head).toContain(`; ${multi[0].toFixed(1)} %, ${multi[1].toFixed(1)} % over Q`);
    }
  });
});

describe('paper', () => {
  const words = ['--configs', 'A,B', '--scales', '256,384', '--width', '0.0625', '--input', '32', '--engine', 'wasm'];
  const small = ['--batch', '8', '--workers', '1', '--budget', '1h', '--epochs', '8'];

  it('trains, evaluates, is interrupted and resumed, and prints the tables', async () => {
    const data = await images();
    const first = await trainer(['paper', '--data', data, ...words, ...small, '--out', 'study'], (text, kill) => {
      if (/net 2 of 4.*epoch 1\/8/s.test(text)) kill('SIGINT');
    });
    expect(first).toMatchObject({ code: 130, stdout: '' });
    expect(first.stderr).toMatch(/continue with: .* paper --resume .*study/);
    const before = JSON.parse(readFileSync(join(home, 'study', 'paper.json'), 'utf8'));
    expect(Object.keys(before.trained)).toEqual(['A-256']);

    const resumed = await trainer(['paper', '--resume', 'study']);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).not.toMatch(/net 1 of 4/);
    for (const number of [3, 4, 5, 6]) expect(resumed.stdout).toMatch(new RegExp(`## Table ${number}: `));
    expect(resumed.stdout).toMatch(/\| A +\| 37 +\| 37 +\| +\d+ \| .* 256 \| +29\.6 \| +10\.4 \|/);
    expect(resumed.stdout).toMatch(/Left out: the paper's 74 epochs/);
    const after = JSON.parse(readFileSync(join(home, 'study', 'paper.json'), 'utf8'));
    expect(Object.keys(after.trained)).toEqual(['A-256', 'B-256', 'A-384', 'B-384']);
    expect(after.spent).toBeGreaterThan(before.spent);
    expect(after.tables).toHaveLength(4);
    expect(readFileSync(join(home, 'study', 'paper.md'), 'utf8')).toBe(resumed.stdout);
    const runOf = (net: string) =>
      JSON.parse(readFileSync(join(home, 'study', 'nets', net, 'run.json'), 'utf8')).recipe;
    expect(runOf('B-256')).toMatchObject({ config: 'B', scale: 37, preInit: join(home, 'study', 'nets', 'A-256') });
    expect(runOf('B-384')).toMatchObject({ scale: 55, rate: 0.005, weights: join(home, 'study', 'nets', 'B-256') });

    const again = await trainer(['paper', '--data', data, ...words, '--out', 'study']);
    expect(again.stderr).toMatch(/already holds a study: choose another --out, or continue with --resume/);
    const no = await trainer(['paper', '--resume', 'images']);
    expect(no).toMatchObject({ code: 2 });
    expect(no.stderr).toMatch(/is not the folder of a study: expected paper\.json in it/);
    expect(existsSync(join(home, 'study', 'nets', 'A-256', 'report.html'))).toBe(true);
  });
});
