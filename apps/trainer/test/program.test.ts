import { SETTING_NAMES } from '@vgg/recipes';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram, describeOption } from '../src/program/program';

type Call = { command: string; options: Record<string, unknown>; images?: readonly string[] };

/** Returns the call that a command line makes, without executing it. */
async function called(...words: string[]): Promise<Call> {
  const calls: Call[] = [];
  const record = (command: string) => async (options: object) => {
    calls.push({ command, options: { ...options } });
  };
  const program = createProgram({
    train: record('train'),
    evaluate: record('evaluate'),
    inspect: async (file, options) => {
      calls.push({ command: 'inspect', options: { ...options, file } });
    },
    convert: async (input, output, options) => {
      calls.push({ command: 'convert', options: { ...options, input, output } });
    },
    paper: record('paper'),
    transfer: record('transfer'),
    runs: async (action, words, options) => {
      calls.push({ command: 'runs', options: { action, words, ...options } });
    },
    predict: async (images, options) => {
      calls.push({ command: 'predict', options: { ...options }, images });
    },
    report: async (run, options) => {
      calls.push({ command: 'report', options: { run, ...options } });
    },
  });
  await program.parseAsync(words, { from: 'user' });
  return calls[0]!;
}

async function refused(...words: string[]): Promise<string> {
  const error = await called(...words).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CommanderError);
  return (error as CommanderError).message;
}

describe('the command line', () => {
  it('refuses a second data set', async () => {
    for (const command of ['train', 'evaluate', 'transfer', 'paper']) {
      expect(await refused(command, '--data', 'a', '--data=b')).toMatch(
        /^error: --data is given twice: expected one folder; to use several, /,
      );
    }
  });

  it('trains by default, and with the paper’s settings on a data set', async () => {
    const { command, options } = await called('--data', 'photos');
    expect(command).toBe('train');
    expect(options).toMatchObject({
      ...{ data: 'photos', config: 'D', batchNorm: false, width: 1, input: 224, dropout: 0.5, epochs: 74, rate: 0.01 },
      ...{
        momentum: 0.9,
        weightDecay: 5e-4,
        schedule: 'plateau',
        flip: true,
        colourShift: true,
        engine: 'auto',
        seed: 1,
      },
    });
    expect(options.scale).toBeUndefined();
  });

  it('is the demo without a data set, whose defaults any option overrides', async () => {
    expect((await called()).options).toMatchObject({ config: 'A', input: 128, scale: [128, 192] });
    expect((await called('--epochs', '1', '--config', 'B')).options).toMatchObject({
      config: 'B',
      epochs: 1,
      input: 128,
    });
  });

  it('takes a recipe’s settings, which options override, one by one and by their opposites', async () => {
    const { options } = await called('--recipe', 'imagenet-d-384', '--data', 'd', '--rate', '0.5', '--batch-norm');
    expect(options).toMatchObject({ config: 'D', scale: 384, rate: 0.5, batchNorm: true, data: 'd' });
    expect(options).toMatchObject({
      weights: 'runs/imagenet-d-256',
      out: 'runs/imagenet-d-384',
      recipe: 'imagenet-d-384',
    });
    expect((await called('--recipe', 'demo', '--no-batch-norm')).options).toMatchObject({ batchNorm: false });
    expect((await called('--recipe', 'demo', '--no-flip')).options).toMatchObject({ flip: false });
  });

  it('starts a run from one other at most: the one written replaces the recipe’s, none removes it', async () => {
    const from = async (...words: string[]) => {
      const { preInit, weights } = (await called('--recipe', 'imagenet-b-256', ...words)).options;
      return { preInit, weights };
    };
    expect(await from()).toEqual({ preInit: 'runs/imagenet-a-256', weights: undefined });
    expect(await from('--weights', 'w')).toEqual({ preInit: undefined, weights: 'w' });
    expect(await from('--pre-init', 'none')).toEqual({ preInit: undefined, weights: undefined });
  });

  it('resumes a study as it is, or with another budget', async () => {
    expect((await called('paper', '--resume', 's')).options).not.toHaveProperty('extendTo');
    expect((await called('paper', '--resume', 's', '--budget', '1.5h')).options).toMatchObject({ extendTo: 5400 });
    expect((await called('paper', '--data', 'd')).options).toMatchObject({ budget: 1800, epochs: 74, batchNorm: true });
  });

  it('takes nothing of the demo when a run is resumed', async () => {
    expect((await called('train', '--resume', 'runs/x')).options).toMatchObject({ config: 'D', resume: 'runs/x' });
  });

  it('reads scales, ranges, several runs and images', async () => {
    expect((await called('--data', 'd', '--scale', '256:512')).options.scale).toEqual([256, 512]);
    const evaluation = await called(
      'evaluate',
      '--run',
      'a',
      '--run',
      'b',
      '--data',
      'd',
      '--scales',
      '512,256',
      '--protocol',
      'both',
    );
    expect(evaluation.options).toMatchObject({ run: ['a', 'b'], scales: [256, 512], protocol: 'both', split: 'val' });
    const bare = await called('evaluate', 'a', 'b', '--run', 'c');
    expect(bare.options).toMatchObject({ run: ['c', 'a', 'b'], protocol: 'dense' });
    expect((await called('predict', '--run', 'a', 'x.jpg', 'y.jpg')).images).toEqual(['x.jpg', 'y.jpg']);
    expect((await called('inspect', '--config', 'e')).options).toMatchObject({ config: 'E', classes: 1000 });
  });

  it.each([
    [['--epocs', '3'], /--epochs/],
    [['--config', 'F'], /one of A, A-LRN, B, C, D, E/],
    [['--config', 'A-LNR', '--data', 'd'], /did you mean "A-LRN"/],
    [['--width', '0'], /above 0 to 16/],
    [['--batch', '12.5'], /integer, 1 or more/],
    [['--scale', '512:256'], /256:512/],
    [['--engine', 'wasn'], /did you mean "wasm"/],
    [['paper', '--resume', 's', '--width', '1'], /study's own options: leave out --width/],
    [['paper', '--data', 'd', '--budget', '30'], /90s, 30m or 8h/],
    [['paper', '--data', 'd', '--configs', 'A,F'], /one of A, A-LRN/],
    [['evaluate'], /--run/],
    [['train', '--resume', 'r', '--rate', '9'], /own recipe: leave out --rate/],
    [['evaluate', '--run', 'r', '--protocol', 'dence'], /did you mean "dense"/],
    [['predict', '--run', 'r'], /image/],
  ])('refuses %j in words that help', async (words, expected) => {
    expect(await refused(...words)).toMatch(expected);
  });
});

describe('help', () => {
  const nothing = async () => {};
  const commands = createProgram({
    ...{
      train: nothing,
      evaluate: nothing,
      predict: nothing,
      inspect: nothing,
      convert: nothing,
      report: nothing,
      transfer: nothing,
      paper: nothing,
      runs: nothing,
    },
  }).commands;

  it.each(commands.map((command) => [command.name(), command] as const))(
    'of %s says for every option what holds where it is not written',
    (_, command) => {
      const shown = command
        .createHelp()
        .visibleOptions(command)
        .filter(({ long }) => long !== '--help');
      expect(shown.length).toBeGreaterThan(1);
      const silent = shown.filter((option) => !/\((default: .+|required)\)$/.test(describeOption(option)));
      expect(silent.map(({ long }) => long)).toEqual([]);
    },
  );

  it('of train shows a new user the layout of the images and a first run', () => {
    const train = commands.find((command) => command.name() === 'train')!;
    let text = '';
    train.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    expect(text).toMatch(/photos\/cat\/1\.jpg/);
    expect(text).toMatch(/A first run on photos\/CLASS[\s\S]*--ui[\s\S]*predict --run/);
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(130);
  });
});

it('has an option of train for every setting, and no other that says what is computed', () => {
  const train = createProgram({} as never).commands.find((command) => command.name() === 'train')!;
  const session = [
    'ui',
    'uiPort',
    'recipe',
    'resume',
    'keep',
    'checkpointEvery',
    'dryRun',
    'findRate',
    'smoke',
    'ranks',
    'hosts',
    'mpirun',
    'device',
    'engine',
    'workers',
    'strict',
    'json',
    'quiet',
  ];
  const names = new Set(train.options.map((option) => option.attributeName()));
  expect([...names].filter((name) => !session.includes(name)).sort()).toEqual([...SETTING_NAMES].sort());
});
