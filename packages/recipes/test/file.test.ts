import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatRecipe, parseRecipe, readRecipe, recipeFor, recipeNames, recipePath } from '../src/file';

const folder = mkdtempSync(join(tmpdir(), 'recipes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a recipe file', () => {
  it('gives values as the options of train take them', () => {
    const text = '# head\nconfig: d\nscale: 256:512\nrate: 1e-3\nbatchNorm: true\nweights: runs/x\n';
    expect(parseRecipe(text, 'f')).toEqual({
      ...{ config: 'D', scale: [256, 512], rate: 0.001, batchNorm: true, weights: 'runs/x' },
    });
    expect(parseRecipe('scale: 256', 'f')).toEqual({ scale: 256 });
    expect(parseRecipe('input: 96', 'f')).toEqual({ input: 96 });
    expect(parseRecipe('input: 64x128', 'f')).toEqual({ input: [64, 128] });
    for (const layers of ['stage1,fc6', '[stage1, fc6]'])
      expect(parseRecipe(`freeze: ${layers}`, 'f')).toEqual({ freeze: ['stage1', 'fc6'] });
    for (const none of ['[]', 'none']) expect(parseRecipe(`freeze: ${none}`, 'f')).toEqual({ freeze: [] });
  });

  it.each([
    ['epochs: 3\nepocs: 3', /f:2: unknown key "epocs" \(did you mean "epochs"\?\)/],
    ['epochs: many', /f:1: epochs: Expected a number. Got "many"/],
    ['\n\nepochs: 0', /f:3: epochs: Expected an integer, from 1 to 100000. Got 0/],
    ['rate: .nan', /f:1: rate: Expected a number/],
    ['config: F', /f:1: config: Expected one of A, A-LRN, B, C, D, E/],
    ['batchNorm: yes', /f:1: batchNorm: Expected true or false. Got "yes"/],
    ['scale: [256, 512]', /f:1: scale: Expected a scale like 256, or a range like 256:512/],
    ['freeze: stage1,,', /f:1: freeze: Expected names like stage1,conv3_1/],
    ['out:', /f:1: out: Expected text. Got null/],
    ['epochs: 3\nepochs: 4', /f:2: not valid YAML: Map keys must be unique/],
    ['config: "D', /f:1: not valid YAML/],
    ['- D', /f:1: expected lines of "key: value"/],
    ['', /f:1: expected lines of "key: value"/],
    ['config: !x D', /f:1: not valid YAML: Unresolved tag/],
    ['__proto__: 1', /f:1: unknown key "__proto__"/],
    ['out: &a x\nweights: *a', /f:1: anchors and aliases are not allowed/],
    ['? [a]\n: 1', /unknown key/],
  ])('%j is refused in words that help', (text, expected) => {
    expect(() => parseRecipe(text, 'f')).toThrow(expected);
  });

  it('is found by name or by path', () => {
    const path = join(folder, 'mine.yaml');
    writeFileSync(path, 'config: B\n');
    expect(readRecipe(path)).toEqual({ config: 'B' });
    expect(() => readRecipe('imagenet-d256')).toThrow(/unknown recipe imagenet-d256 \(did you mean "imagenet-d-256"/);
    expect(() => readRecipe(join(folder, 'no.yaml'))).toThrow(/cannot read the recipe .*there is no such file/);
    writeFileSync(path, 'x'.repeat(100_000));
    expect(() => readRecipe(path)).toThrow(/more than any recipe/);
  });

  it('is written so that it reads the same', () => {
    const recipe = readRecipe('imagenet-e-256-512');
    expect(parseRecipe(formatRecipe(recipe), 'f')).toEqual(recipe);
    const rectangle = { ...recipe, input: [64, 128] as const };
    expect(formatRecipe(rectangle)).toContain('\ninput: 64x128\n');
    expect(parseRecipe(formatRecipe(rectangle), 'f')).toEqual(rectangle);
  });
});

describe('the recipes that come with the package', () => {
  it('are the demo, CIFAR-10, fine-tuning, localisation and every row of the paper’s results', () => {
    const rows = [
      'a-256',
      'a-lrn-256',
      'b-256',
      ...['c', 'd', 'e'].flatMap((n) => [`${n}-256`, `${n}-384`, `${n}-256-512`]),
    ];
    expect(recipeNames()).toEqual(
      [
        'cifar10',
        'cifar10-muon-32',
        'cifar10-muon-48',
        'demo',
        'fine-tune',
        'localise',
        'paper',
        ...rows.map((row) => `imagenet-${row}`),
      ].sort(),
    );
  });

  it.each(recipeNames())('%s says command, hardware, time and error in its head', (name) => {
    const head = readFileSync(recipePath(name), 'utf8').split('\n\n')[0]!;
    for (const what of ['Command', 'Hardware', 'Time', 'Error']) {
      expect(head).toMatch(new RegExp(`^# ${what}: +\\S`, 'm'));
    }
    const words = /^# Command: +pnpm --filter trainer start(.*)$/m.exec(head)![1]!;
    expect(name === 'demo' ? '' : ` train --recipe ${name}`).toBe(words.replace(/ --(data|engine|weights) \S+/g, ''));
  });

  it('are chained as the paper chains them', () => {
    const chain = (name: string): string[] => {
      const { preInit, weights } = readRecipe(name);
      const before = preInit ?? weights;
      return before === undefined ? [name] : [...chain(recipeFor(before)!), name];
    };
    expect(chain('imagenet-e-256-512')).toEqual([
      'imagenet-a-256',
      'imagenet-e-256',
      'imagenet-e-384',
      'imagenet-e-256-512',
    ]);
    expect(chain('imagenet-b-256')).toEqual(['imagenet-a-256', 'imagenet-b-256']);
    expect(chain('imagenet-a-lrn-256')).toEqual(['imagenet-a-lrn-256']);
    expect(readRecipe('imagenet-d-384')).toMatchObject({ rate: 1e-3, scale: 384 });
  });
});
