/** `train` from end to end: a run is saved, interrupted, resumed, and the start of others. */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSafetensors } from '@vgg/weights/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { home, images, type Outcome, TINY, trainer } from './command-line';

let data: string;
const train = (...words: string[]) =>
  trainer(['train', '--data', data, ...TINY, '--batch', '8', '--micro-batch', '4', '--batch-norm', ...words]);

/** The lines of a run's metrics. */
const linesOf = (run: string) =>
  readFileSync(join(home, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  data = await images();
});

describe('train', () => {
  it('saves a run: its record, its metrics, checkpoints and weights that describe themselves', async () => {
    const { code, stdout, stderr } = await train('--epochs', '2', '--out', 'one');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/\| validation \|/);
    expect(stderr).toMatch(/engine wasm/);
    expect(stderr).toMatch(/epoch 2\/2 training loss \d+\.\d+, top-1\/top-5 error [\d.]+ \/ [\d.]+ % \| validation/);
    expect(readdirSync(join(home, 'one')).sort()).toEqual([
      'checkpoints',
      'epochs.csv',
      'evaluation.json',
      'events.out.tfevents.0000000001.vgg',
      'images.json',
      'metrics.jsonl',
      'model.safetensors',
      'recipe.yaml',
      'report.html',
      'run.json',
    ]);
    const record = JSON.parse(readFileSync(join(home, 'one', 'run.json'), 'utf8'));
    expect(record).toMatchObject({
      format: 'vgg-run',
      images: { train: 40, validation: 20 },
      recipe: { batch: 8, scale: 37 },
    });
    expect(record.classes).toHaveLength(10);
    const types = linesOf('one').map(({ type }) => type);
    expect(types.filter((type) => type === 'step')).toHaveLength(10);
    expect(types.filter((type) => type === 'epoch')).toHaveLength(2);
    const file = await openSafetensors(join(home, 'one', 'model.safetensors'));
    expect(JSON.parse(file.metadata['vgg.classes']!)).toEqual(record.classes);
    await file.close();
  });

  it('gives one JSON document, and nothing else, with --json --quiet', async () => {
    const { code, stdout, stderr } = await train('--epochs', '1', '--out', 'json', '--json', '--quiet');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ reason: 'complete', epoch: 1, step: 5, skipped: [] });
  });

  it('validates every so many epochs and after the last', async () => {
    const words = ['--epochs', '3', '--validate-every', '2', '--out', 'every'];
    const { code, stderr } = await train(...words);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/epoch 1\/3 training loss [^|]* \| \d+/);
    const epochs = linesOf('every').filter(({ type }) => type === 'epoch');
    expect(epochs.map(({ validation }) => validation !== undefined)).toEqual([false, true, true]);
    const record = JSON.parse(readFileSync(join(home, 'every', 'run.json'), 'utf8'));
    expect(record.recipe.validateEvery).toBe(2);
    expect(readFileSync(join(home, 'every', 'recipe.yaml'), 'utf8')).toMatch(/^validateEvery: 2$/m);
  });

  it('resumes a run recorded before validateEvery existed', async () => {
    await train('--epochs', '1', '--out', 'older');
    const file = join(home, 'older', 'run.json');
    const record = JSON.parse(readFileSync(file, 'utf8'));
    delete record.recipe.validateEvery;
    writeFileSync(file, JSON.stringify({ ...record, recipe: { ...record.recipe, epochs: 2 } }));
    const resumed = await trainer(['train', '--resume', 'older']);
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.stderr).toMatch(/epoch 2\/2 training .* \| validation/);
  });

  const extras = [
    '--average-decay',
    '0.9',
    '--clip-norm',
    '1',
    '--label-smoothing',
    '0.1',
    '--freeze',
    'stage1',
    '--optimiser',
    'muon',
  ];
  // Many epochs, so that a signal after the first finds the run at work.
  const long = ['--epochs', '12', '--schedule', 'cosine', '--warm-up', '0.5', ...extras];
  const bytes = (run: string) => readFileSync(join(home, run, 'model.safetensors'));
  const metricsOf = (run: string) => linesOf(run).map(({ type, step, metrics }) => ({ type, step, metrics }));
  const disturbed = (signal: NodeJS.Signals, ...words: string[]) => {
    const options = [...TINY, '--batch', '8', '--micro-batch', '4', '--batch-norm', ...long, '--out', signal];
    return trainer(['train', '--data', data, ...options, ...words], (text, kill) => {
      if (/epoch 1\/12/.test(text)) kill(signal);
    });
  };

  it('continues after SIGINT to exactly the weights of an uninterrupted run', async () => {
    await train(...long, '--out', 'undisturbed');
    const interrupted = await disturbed('SIGINT');
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toMatch(/stopping: saving the run.*continue with: .*--resume .*SIGINT/s);
    expect(existsSync(join(home, 'SIGINT', 'model.safetensors'))).toBe(false);
    const resumed = await trainer(['train', '--resume', 'SIGINT', '--workers', '0']);
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.stderr).toMatch(/engine wasm/);
    expect(bytes('SIGINT').equals(bytes('undisturbed'))).toBe(true);
    expect(metricsOf('SIGINT')).toEqual(metricsOf('undisturbed'));
  });

  it('continues after kill -9 to the same weights, and says when there is nothing left to train', async () => {
    expect(await disturbed('SIGKILL', '--checkpoint-every', '1')).toMatchObject({ code: null });
    expect(existsSync(join(home, 'SIGKILL', 'lock.json'))).toBe(true);
    expect(await trainer(['train', '--resume', 'SIGKILL'])).toMatchObject({ code: 0 });
    expect(bytes('SIGKILL').equals(bytes('undisturbed'))).toBe(true);
    expect(metricsOf('SIGKILL')).toEqual(metricsOf('undisturbed'));
    expect(existsSync(join(home, 'SIGKILL', 'lock.json'))).toBe(false);
    const again = await trainer(['train', '--resume', 'SIGKILL']);
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toMatch(
      /SIGKILL is finished: it ended after epoch 12, step 60; there is nothing left to train\. To train it for longer: .*\n$/,
    );
    expect(again.stderr).not.toMatch(/continuing/);
  });

  it('resumes the run trained last if none is named, and refuses a second process', async () => {
    const second: Promise<Outcome>[] = [];
    const words = ['train', '--data', data, ...TINY, '--batch', '8', '--epochs', '200', '--out', 'runs/last'];
    const first = await trainer(words, (text, kill) => {
      if (!/epoch 1\/200/.test(text) || second.length > 0) return;
      second.push(trainer(['train', '--resume']));
      second[0]!.then(() => kill('SIGTERM'));
    });
    const refused = await second[0]!;
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/the run trained last is .*runs.last\n/);
    expect(refused.stderr).toMatch(
      /error: .*runs.last is in use: process \d+ trains in it since .*; wait for it or stop it\n$/,
    );
    expect(first.code).toBe(143);
    expect(existsSync(join(home, 'runs/last/lock.json'))).toBe(false);
    const resumed = await trainer(['train', '--resume'], (text, kill) => {
      if (/continuing at epoch/.test(text)) kill('SIGINT');
    });
    expect(resumed.code).toBe(130);
    expect(resumed.stderr).toMatch(/continuing at epoch \d+, step \d+/);
  });

  it('says so where the run that it starts from has not been trained to its end', async () => {
    const words = ['train', '--data', data, ...TINY, '--batch', '8', '--max-steps', '1', '--weights', 'runs/last'];
    const after = await trainer([...words, '--out', 'after']);
    expect(after).toMatchObject({ code: 0 });
    expect(after.stderr.match(/warning: .*/g)).toEqual([
      'warning: runs/last has not been trained to its end: this run starts from its best weights so far',
    ]);
  });

  it('leaves its last evaluation when interrupted, and completes it when resumed', async () => {
    const rows = () => JSON.parse(readFileSync(join(home, 'evaluated', 'evaluation.json'), 'utf8')).rows;
    const protocols = () => rows().map(({ protocol }: { protocol: string }) => protocol);
    const words = ['train', '--data', data, ...TINY, '--batch', '8', '--epochs', '1', '--scale', '32:1100'];
    const interrupted = await trainer([...words, '--out', 'evaluated'], (text, kill) => {
      if (/evaluating one net/.test(text)) kill('SIGTERM');
    });
    expect(interrupted).toMatchObject({ code: 143, stdout: '' });
    expect(interrupted.stderr).toMatch(
      /stopping: the run is trained and its weights are saved, .*; continue with: .*train --resume .*evaluated\n$/,
    );
    expect(protocols()).toEqual(['single']);
    expect(existsSync(join(home, 'evaluated', 'model.safetensors'))).toBe(true);
    const resumed = await trainer(['train', '--resume', 'evaluated']);
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.stderr).toMatch(/evaluated is trained; only its evaluation is left\n[\s\S]*the report is/);
    expect(protocols()).toEqual(['single', 'dense']);
    const again = await trainer(['train', '--resume', 'evaluated']);
    expect(again.stderr).toMatch(
      /evaluated is finished: .*; there is nothing left to train\. To train it for longer: .*\n$/,
    );
  });

  it('stops with one line when a class folder is lost, and continues when it is back', async () => {
    const copy = join(home, 'lost');
    cpSync(join(data, 'train'), copy, { recursive: true });
    const star = join(copy, 'star');
    const words = ['train', '--data', copy, ...TINY, '--batch', '8', '--epochs', '200', '--val-fraction', '0'];
    const lost = await trainer([...words, '--out', 'lossy'], (text) => {
      if (/epoch 1\/200/.test(text) && existsSync(star)) renameSync(star, join(home, 'star'));
    });
    expect(lost.code).toBe(1);
    expect(lost.stderr).toMatch(/the run is saved up to step \d+; continue with: .*--resume .*lossy\n/);
    expect(lost.stderr).toMatch(/error: .*there is no folder .*lost.star: .*bring it back\n$/);
    renameSync(join(home, 'star'), star);
    const back = await trainer(['train', '--resume', 'lossy'], (text, kill) => {
      if (/continuing at epoch/.test(text)) kill('SIGINT');
    });
    expect(back.code).toBe(130);
  });

  it('starts from the weights of another run, and a deeper net from a run of A', async () => {
    const from = await train(
      '--epochs',
      '1',
      '--weights',
      'one',
      '--rate',
      '1e-3',
      '--out',
      'tuned',
      '--json',
      '--quiet',
    );
    expect(from).toMatchObject({ code: 0 });
    const deeper = [...TINY, '--config', 'B', '--batch-norm', '--batch', '8', '--pre-init', 'one', '--epochs', '1'];
    const pre = await trainer(['train', '--data', data, ...deeper, '--out', 'deeper', '--json', '--quiet']);
    expect(pre).toMatchObject({ code: 0, stderr: '' });
    const not = await trainer(['train', '--data', data, ...TINY, '--config', 'B', '--weights', 'one', '--out', 'not']);
    expect(not).toMatchObject({ code: 2 });
    expect(not.stderr).toMatch(/error: --weights needs a run of the same net, .*one has configuration A, expected B/);
    const renamed = join(home, 'renamed');
    for (const name of readdirSync(join(data, 'train'))) {
      for (const part of ['train', 'val'])
        cpSync(join(data, part, name), join(renamed, part, `new-${name}`), { recursive: true });
    }
    // As many classes, but others: a new last layer. The net comes from its weights.
    const words = [
      '--weights',
      'one',
      '--engine',
      'wasm',
      '--workers',
      '1',
      '--max-steps',
      '1',
      '--rate',
      '1e-9',
      '--batch',
      '8',
    ];
    const tuned = await trainer([
      'train',
      '--data',
      renamed,
      ...words,
      '--freeze',
      'features',
      '--out',
      'other-classes',
    ]);
    expect(tuned).toMatchObject({ code: 0 });
    expect(tuned.stderr).toMatch(/starting from .*one, net A with batch norm, width 0.0625, input 32, head small: /);
    expect(tuned.stderr).toMatch(
      /all layers are loaded but fc8, initialised randomly \(other classes: new-\w+ in place of \w+\)/,
    );
    expect(tuned.stderr).toMatch(/frozen: features; trained: fc6, fc8/);
  });

  it('continues with larger images if the classifier fits', async () => {
    const net = [...TINY, '--batch-norm', '--batch', '8'];
    const larger = ['train', '--data', data, ...net, '--weights', 'one', '--epochs', '1', '--json', '--quiet'];
    expect(await trainer([...larger, '--input', '48', '--out', 'larger'])).toMatchObject({ code: 0, stderr: '' });
    const { code, stderr } = await trainer([...larger, '--input', '64', '--out', 'too-large']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/error: --weights needs a run of the same net, .*one has inputSize 32, expected 64/);
  });
});
