/** Steps of a study, without training and evaluation: the order of its nets, and what its file says of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Allotment, type StudyNet, studyNets } from '@vgg/study';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { carryOut } from '../src/paper/run';
import type { Study, StudySettings } from '../src/paper/study';
import type { TrainArguments } from '../src/run/arguments';
import { said, terminal } from './options';

type Ending = 'timeout' | 'early-stop' | 'complete';

const script = vi.hoisted(() => ({ ends: {} as Record<string, Ending> }));
const clock = { seconds: 0 };

vi.mock('../src/run/prepare', () => ({
  prepareNew: (options: TrainArguments) => ({ record: { recipe: { epochs: options.epochs } }, out: options.out }),
}));
vi.mock('../src/run/train', () => ({
  trainPrepared: async (
    prepared: { record: { recipe: { epochs: number } }; out: string },
    { signal }: { signal: AbortSignal },
  ) => {
    const { epochs } = prepared.record.recipe;
    const ending = script.ends[prepared.out.split('/').at(-1)!] ?? 'complete';
    if (ending === 'timeout') await new Promise((resolve) => signal.addEventListener('abort', resolve));
    clock.seconds += 5;
    const result = {
      timeout: { reason: 'interrupted', epoch: 1 },
      'early-stop': { reason: 'early-stop', epoch: 2 },
      complete: { reason: 'complete', epoch: epochs },
    }[ending];
    return { result, report: { finish: async () => {} } };
  },
}));
vi.mock('../src/report/run-report', () => ({ openRunReport: () => {} }));
vi.mock('../src/paper/score', () => ({ scoredImages: () => Number.POSITIVE_INFINITY, scoreNet: async () => {} }));

const folder = mkdtempSync(join(tmpdir(), 'study-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  script.ends = {};
  clock.seconds = 0;
  said.length = 0;
});

const EPOCHS = 10;

/** Returns a study of some nets, with a plan of all of them. */
function studyOf(nets: readonly StudyNet[], budget: number): Study {
  const time = { trainingImage: 0.001, densePixel: 1e-9, cropPixel: 1e-9 };
  const times = Object.fromEntries(nets.map(({ config }) => [config, { ...time }]));
  const plan: Allotment = {
    nets: nets.map(({ name }) => name),
    trainImages: 1000,
    epochs: Object.fromEntries(nets.map(({ name }) => [name, EPOCHS])),
    denseImages: 100,
    cropImages: 100,
  };
  const settings = { budget, input: 32, batch: 64, epochs: 74, seed: 1, warmUp: 0, rate: 0.05, finalRate: 0 };
  const study = { settings: settings as StudySettings, nets, plan, times, images: { train: 1000, validation: 100 } };
  return { ...study, spent: 0, trained: {}, interrupted: {}, evaluated: true } as unknown as Study;
}

function carriedOut(study: Study): Promise<boolean> {
  const session = {} as Parameters<typeof carryOut>[0]['session'];
  const validation = {} as Parameters<typeof carryOut>[0]['validation'];
  return carryOut({ folder, study, validation, session, terminal, spent: () => clock.seconds });
}

const request = { scales: ['256'], seeds: 1, fromScratch: false, input: 32 } as const;

describe('the steps of a study', () => {
  it('keep the seconds of a net that the time limit stopped, for the study with a larger budget', async () => {
    const study = studyOf(studyNets({ ...request, configs: ['A', 'B'] }), 5.2);
    study.trained['A-256'] = { epochs: EPOCHS, seconds: 10.5, whole: 10.5 };
    study.times.B!.trainingImage = 1e-6;
    script.ends = { 'B-256': 'timeout' };
    clock.seconds = 5;
    expect(await carriedOut(study)).toBe(true);
    expect(study.trained['B-256']).toEqual({ epochs: 0, seconds: 0, whole: 0 });
    expect(study.interrupted).toEqual({ 'B-256': 5 });
  });

  it('record the epochs that a net was trained for, not the planned ones', async () => {
    const study = studyOf(studyNets({ ...request, configs: ['A', 'B'] }), 1000);
    script.ends = { 'B-256': 'early-stop' };
    await carriedOut(study);
    expect(study.trained).toEqual({
      'A-256': { epochs: EPOCHS, seconds: 5, whole: 5, endedEarly: false },
      'B-256': { epochs: 2, seconds: 5, whole: 5, endedEarly: true },
    });
  });

  it('say from which net another starts only if it does', async () => {
    const study = studyOf(studyNets({ ...request, configs: ['A', 'B'] }), 1000);
    await carriedOut(study);
    expect(said.join('\n')).toMatch(/net 2 of 2, B-256 from A-256: 10 epochs/);
    said.length = 0;
    const without = studyOf(study.nets, 1000);
    without.trained['A-256'] = { epochs: 0, seconds: 0, whole: 0 };
    without.times.A!.trainingImage = 100;
    await carriedOut(without);
    expect(said.join('\n')).toMatch(/net 1 of 2, B-256: 10 epochs/);
  });

  it('keep no time for nets that are left out, nor for those that would start from them', async () => {
    const study = studyOf(studyNets({ ...request, configs: ['C', 'E'], scales: ['256', '384'] }), 100);
    study.trained['C-256'] = { epochs: EPOCHS, seconds: 10.5, whole: 10.5 };
    study.times.E!.trainingImage = 1;
    // Enough for 9 of the 10 epochs of C-384, which are 10.5 s.
    clock.seconds = 99 - 10;
    await carriedOut(study);
    const epochs = Object.entries(study.trained).map(([name, net]) => [name, net.epochs]);
    expect(Object.fromEntries(epochs)).toEqual({ 'C-256': 10, 'E-256': 0, 'C-384': 9, 'E-384': 0 });
  });
});
