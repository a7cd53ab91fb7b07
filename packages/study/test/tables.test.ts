import { readFileSync } from 'node:fs';
import { readRecipe, recipeNames, recipePath, resolveRecipe, withDefaults } from '@vgg/recipes';
import { describe, expect, it } from 'vitest';
import {
  findings,
  findingsTable,
  fusions,
  markdown,
  NetScores,
  notesOn,
  type StudyFacts,
  StudyResults,
  settingDeviations,
  studyCharts,
  studyNets,
  TABLES_3_AND_4,
  tables,
} from '../src/index';

const IMAGES = 100;
const CLASSES = 6;
const labels = Array.from({ length: IMAGES }, (_, i) => i % CLASSES);

/** Returns posteriors that are wrong for the images from `from` on, `wrong` of them; a wrong class is the next one. */
function posteriors(wrong: number, from = 0): Float32Array {
  return Float32Array.from(
    labels.flatMap((label, i) => {
      const predicted = i >= from && i < from + wrong ? (label + 1) % CLASSES : label;
      return Array.from({ length: CLASSES }, (_, c) => (c === predicted ? 0.5 : 0.1));
    }),
  );
}

/** Returns scores with a number of wrong images for one Q, several Q and multi-crop. */
function scores(single: number, multi: number, crops?: number, from = 0): NetScores {
  const dense = new NetScores(CLASSES, [], new Map()).with({
    labels,
    posteriors: {
      'single:single': posteriors(single),
      'single:multi': posteriors(single),
      'dense:single': posteriors(single),
      'dense:multi': posteriors(multi, from),
    },
  });
  return crops === undefined
    ? dense
    : dense.with({ labels, posteriors: { 'multi-crop:multi': posteriors(crops, from) } });
}

const nets = studyNets({
  configs: ['A', 'D', 'E'],
  scales: ['256', '256:512'],
  seeds: 2,
  fromScratch: false,
  input: 224,
});
const results = new StudyResults(
  nets,
  new Map([
    ['A-256', scores(40, 38)],
    ['A-256-seed2', scores(44, 42)],
    ['D-256', scores(20, 18)],
    ['D-256-512', scores(16, 14, 12)],
    ['E-256-512', scores(16, 14, 12, 50)],
  ]),
);
const epochs = { 'A-256': 8, 'A-256-seed2': 8, 'D-256': 7, 'D-256-512': 4, 'E-256-512': 4 };
const made = tables({ results, input: 224, epochs });

describe('the tables', () => {
  it('have the figures of the paper next to those of the study, with standard errors', () => {
    expect(made.map(({ rows }) => rows.map((row) => row.join(' | ')))).toEqual([
      [
        'A | 256 | 256 | 8 | 2 | 42.0 ± 5.3 | 13.0 ± 3.5 | 256 | 29.6 | 10.4',
        'D | 256 | 256 | 7 | 1 | 20.0 ± 4.0 | 6.0 ± 2.4 | 256 | 27.0 | 8.8',
        'D | [256;512] | 384 | 7 + 4 | 1 | 16.0 ± 3.7 | 4.0 ± 2.0 | [256;512] | 25.6 | 8.1',
        'E | [256;512] | 384 | 4 | 1 | 16.0 ± 3.7 | 4.0 ± 2.0 | [256;512] | 25.5 | 8.0',
      ],
      [
        'A | 256 | 224, 256, 288 | 8 | 2 | 40.0 ± 5.2 | 13.0 ± 3.5 | 256 |  | ',
        'D | 256 | 224, 256, 288 | 7 | 1 | 18.0 ± 3.8 | 6.0 ± 2.4 | 256 | 26.6 | 8.6',
        'D | [256;512] | 256, 384, 512 | 7 + 4 | 1 | 14.0 ± 3.5 | 4.0 ± 2.0 | [256;512] | 24.8 | 7.5',
        'E | [256;512] | 256, 384, 512 | 4 | 1 | 14.0 ± 3.5 | 4.0 ± 2.0 | [256;512] | 24.8 | 7.5',
      ],
      [
        'D [256;512], Q = 256, 384, 512 | single | 100 | 1 | 16.0 ± 3.7 | 4.0 ± 2.0 |  | ',
        'D [256;512], Q = 256, 384, 512 | dense | 100 | 1 | 14.0 ± 3.5 | 4.0 ± 2.0 | 24.8 | 7.5',
        'D [256;512], Q = 256, 384, 512 | multi-crop | 100 | 1 | 12.0 ± 3.2 | 4.0 ± 2.0 | 24.6 | 7.5',
        'D [256;512], Q = 256, 384, 512 | both | 100 | 1 | 12.0 ± 3.2 | 4.0 ± 2.0 | 24.4 | 7.2',
        'E [256;512], Q = 256, 384, 512 | single | 100 | 1 | 16.0 ± 3.7 | 4.0 ± 2.0 |  | ',
        'E [256;512], Q = 256, 384, 512 | dense | 100 | 1 | 14.0 ± 3.5 | 4.0 ± 2.0 | 24.8 | 7.5',
        'E [256;512], Q = 256, 384, 512 | multi-crop | 100 | 1 | 12.0 ± 3.2 | 4.0 ± 2.0 | 24.6 | 7.4',
        'E [256;512], Q = 256, 384, 512 | both | 100 | 1 | 12.0 ± 3.2 | 4.0 ± 2.0 | 24.4 | 7.1',
      ],
      [
        'D 256, D [256;512] | dense | 100 | 1 | 15.0 ± 3.6 | 4.0 ± 2.0 |  | ',
        'D [256;512], E [256;512] | dense | 100 | 1 | 4.0 ± 2.0 | 0.0 ± 0.0 | 24.0 | 7.1',
        'D [256;512], E [256;512] | multi-crop | 100 | 1 | 4.0 ± 2.0 | 0.0 ± 0.0 | 23.9 | 7.2',
        'D [256;512], E [256;512] | both | 100 | 1 | 4.0 ± 2.0 | 0.0 ± 0.0 | 23.7 | 6.8',
      ],
    ]);
  });

  it('have no top-5 error of five classes', () => {
    const posteriors = Float32Array.from([0.4, 0.3, 0.1, 0.1, 0.1]);
    const few = new NetScores(5, [], new Map()).with({ labels: [1], posteriors: { 'dense:single': posteriors } });
    const [table3] = tables({ results: new StudyResults(nets, new Map([['A-256', few]])), input: 224, epochs });
    expect(table3!.rows.map((row) => row.slice(5, 7))).toEqual([['100.0 ± 0.0', '–']]);
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

  it('fuse the two deepest nets where the paper has no fusion of them', () => {
    const two = new StudyResults(
      nets,
      new Map([
        ['A-256', scores(4, 4)],
        ['D-256', scores(2, 2)],
      ]),
    );
    expect(fusions(two)).toMatchObject([{ nets: [{ id: 'A-256' }, { id: 'D-256' }] }]);
  });
});

describe('the findings', () => {
  const found = findings(results, epochs);
  const of = (claim: string) => found.filter((one) => one.claim === claim);

  it('are paired differences with a verdict and the difference of the paper', () => {
    const [depth] = of('depth helps');
    expect(depth).toMatchObject({ before: 'A 256', after: 'D 256', verdict: 'as in the paper' });
    // D has no second seed, so that only the first ones are compared: 40 and 20 wrong images.
    expect(depth!.comparison.difference).toBeCloseTo(-20, 10);
    expect(depth!.paper).toBeCloseTo(-2.6, 10);
    expect(of('scale jitter beats a fixed S')).toHaveLength(1);
    // D at 256: the wrong images of several Q are among those of one Q, two fewer.
    const several = of('several Q beat one').find(({ before }) => before.startsWith('D 256'))!;
    expect(several).toMatchObject({ comparison: { p: 0.5 }, verdict: 'open: same direction' });
    expect(of('dense and multi-crop complement each other')).toHaveLength(4);
    expect(of('fusion is best').map(({ after }) => after)).toEqual([
      'D 256, D [256;512], dense',
      'D [256;512], E [256;512], dense',
      'D [256;512], E [256;512], both',
    ]);
    expect(findingsTable(found)!.rows[0]).toEqual([
      ...['depth helps', 'A 256', 'D 256', 'as in the paper'],
      ...['-20.0 ± 4.0', '< 0.001', '-2.6'],
    ]);
    expect(findingsTable([])).toBeUndefined();
  });

  it('expect no gain where the error of the paper rises', () => {
    const pair = studyNets({ configs: ['D', 'E'], scales: ['256'], seeds: 1, fromScratch: true, input: 224 });
    const equal = { 'D-256': 4, 'E-256': 4 };
    const verdict = (d: number, e: number) => {
      const both = new Map([
        ['D-256', scores(d, d)],
        ['E-256', scores(e, e)],
      ]);
      return findings(new StudyResults(pair, both), equal)[0]!;
    };
    expect(verdict(20, 40)).toMatchObject({ before: 'D 256', after: 'E 256', verdict: 'as in the paper' });
    expect(verdict(40, 20).verdict).toBe('not as in the paper');
    expect(verdict(20, 21).verdict).toBe('as in the paper: no gain');
  });

  it('do not compare nets of different numbers of epochs', () => {
    const [depth] = findings(results, { ...epochs, 'D-256': 2 });
    expect(depth!.verdict).toBe('not comparable: 8 and 2 epochs');
  });
});

it('the charts show error by depth, scale and protocol, next to the paper’s', () => {
  const charts = studyCharts(results);
  expect(charts.map(({ title, bars }) => `${title}: ${bars.map(({ label }) => label).join('; ')}`)).toEqual([
    'Error by depth, S = 256, one Q: A; D',
    'Error by depth, S = [256;512], one Q: D; E',
    'Error by training scale, several Q: D, S = 256; D, S = [256;512]',
    expect.stringContaining('Error by protocol, several Q: D, S = [256;512], single; D, S = [256;512], dense'),
  ]);
  expect(charts[0]!.bars[1]).toMatchObject({ value: 20, reference: 27 });
});

describe('the notes', () => {
  const recipe = (more: object) => resolveRecipe({ ...withDefaults(readRecipe('paper')), ...more }, '/images', 5000);

  it('list every setting that is not the paper’s', () => {
    expect(settingDeviations(recipe({ init: 'normal:0.1' }))).toEqual([]);
    const other = {
      batch: 64,
      microBatch: 32,
      init: 'he',
      schedule: 'cosine',
      batchNorm: true,
      labelSmoothing: 0.1,
      width: 0.5,
    };
    expect(settingDeviations(recipe(other))).toEqual([
      'batch normalisation yes (paper: none)',
      'width 0.5 (paper: 1)',
      'batch size 64 (paper: 256)',
      'schedule cosine (paper: plateau)',
      'label smoothing 0.1 (paper: none)',
      'initialisation he (paper: normal:0.1)',
    ]);
  });

  it('name what was left out, and nothing else', () => {
    const facts: StudyFacts = {
      results,
      nets,
      plan: { nets: [], trainImages: 5000, epochs: { ...epochs, 'D-256': 8 }, denseImages: 100, cropImages: 100 },
      recipe: recipe({}),
      epochs,
      classes: 6,
      images: { train: 5000, validation: 100 },
      settings: { budget: 600, fromScratch: false, input: 224 },
      spent: 590,
      machine: 'a machine',
    };
    const notes = notesOn(facts).join('\n');
    expect(notes).toMatch(/9:50 of a budget of 10:00, on a machine/);
    expect(notes).toMatch(
      /8 epochs, half of them at later scales \(paper: 74\), which are 152 steps \(paper: 370,000\)/,
    );
    expect(notes).toMatch(/Not the planned epochs, .*: D-256 7 of 8\./);
    expect(notes).toMatch(
      /Left out because the time ran out: E-256, D-256-seed2, E-256-seed2, D-256-512-seed2, E-256-512-seed2\./,
    );
    expect(notes).toMatch(/initialisation glorot \(paper: normal:0\.1\)/);
    expect(notes).not.toMatch(/validation images in all tables|training images, so/);
  });
});
