import { describe, expect, it } from 'vitest';
import { allot, type Course, epochsFor, epochTime, netSeconds, type StudyCosts, studyNets } from '../src/index';

const request = { fromScratch: false, input: 32 } as const;
const nets = studyNets({ ...request, configs: ['A', 'D'], scales: ['256', '384'], seeds: 1 });
const costs: StudyCosts = {
  images: { train: 10_000, validation: 1000 },
  times: {
    A: { trainingImage: 0.001, densePixel: 1e-7, cropPixel: 1e-7 },
    D: { trainingImage: 0.003, densePixel: 3e-7, cropPixel: 3e-7 },
  },
  input: 32,
  batch: 64,
  epochs: 74,
};
const calm: Course = { slowness: 1, overhead: undefined, secondsLeft: 1e9 };

/** Returns the planned seconds of the nets of a plan, without multi-crop evaluation. */
function planned(all: typeof nets, seconds: number) {
  const plan = allot(all, costs, seconds);
  const kept = all.filter(({ name }) => plan.nets.includes(name));
  return kept.reduce((sum, net) => sum + netSeconds(net, plan, costs, calm), 0);
}

describe('a budget', () => {
  it('gives every net of a scale the same epochs, later scales half, and slower nets more time', () => {
    const plan = allot(nets, costs, 1800);
    expect(plan.nets).toEqual(['A-256', 'D-256', 'D-384']);
    expect(plan.trainImages).toBe(10_000);
    expect(plan.epochs['A-256']).toBe(plan.epochs['D-256']);
    expect(plan.epochs['D-384']).toBe(Math.round(plan.epochs['A-256']! / 2));
    expect(plan.denseImages).toBe(1000);
  });

  it('is used: more than three quarters of it for the nets, the rest for multi-crop evaluation', () => {
    for (const seconds of [600, 1800, 3600]) {
      expect(planned(nets, seconds)).toBeGreaterThan(seconds * 0.75);
      expect(planned(nets, seconds)).toBeLessThan(seconds);
    }
  });

  it('gives at most the epochs that are asked for, for as many seeds as fit', () => {
    expect(allot(nets, costs, 1e6).epochs['A-256']).toBe(74);
    const seeds = studyNets({ ...request, configs: ['A', 'D'], scales: ['256'], seeds: 3 });
    expect(allot(seeds, costs, 2000).nets).toHaveLength(6);
    expect(allot(seeds, costs, 700).nets).toEqual(['A-256', 'D-256', 'A-256-seed2', 'D-256-seed2']);
    expect(allot(seeds, costs, 400).nets).toEqual(['A-256', 'D-256']);
  });

  it('that does not allow 6 epochs leaves out nets first, then epochs, then images, and is refused only if no net fits', () => {
    const all = studyNets({ ...request, configs: ['A', 'A-LRN', 'D'], scales: ['256', '384'], seeds: 1 });
    const times = { ...costs.times, 'A-LRN': costs.times.A! };
    const of = (seconds: number) => {
      const { nets: kept, epochs, trainImages } = allot(all, { ...costs, times }, seconds);
      return [kept, epochs['A-256'], trainImages];
    };
    expect(of(600)).toEqual([['A-256', 'A-LRN-256', 'D-256', 'D-384'], 7, 10_000]);
    expect(of(450)).toEqual([['A-256', 'A-LRN-256', 'D-256'], 7, 10_000]);
    expect(of(300)).toEqual([['A-256', 'D-256'], 5, 10_000]);
    const [few, epochs, images] = of(100);
    expect([few, epochs]).toEqual([['A-256', 'D-256'], 3]);
    expect(images).toBeGreaterThan(256);
    expect(images).toBeLessThan(10_000);
    expect(of(5)).toEqual([['A-256'], 1, 256]);
    expect(() => of(2)).toThrow(/^2 s are too few for one net: raise --budget by 2s or more, or lower --width/);
  });

  it('evaluates no more images multi-crop than densely', () => {
    const times = Object.fromEntries(
      Object.entries(costs.times).map(([config, time]) => [config, { ...time, densePixel: 200 * time.densePixel }]),
    );
    const { denseImages, cropImages } = allot(nets, { ...costs, times }, 600);
    expect(denseImages).toBeLessThan(costs.images.validation);
    expect(cropImages).toBe(denseImages);
  });

  it('that is short first lowers the epochs to 6, then leaves out a seed', () => {
    const seeds = studyNets({ ...request, configs: ['A', 'D'], scales: ['256'], seeds: 2 });
    const of = (seconds: number) => {
      const { nets: kept, epochs } = allot(seeds, costs, seconds);
      return [kept.length, epochs['A-256']];
    };
    expect([10_000, 3000, 625, 600].map(of)).toEqual([
      [4, 74],
      [4, 32],
      [4, 6],
      [2, 12],
    ]);
  });

  it('that is refused is accepted with the amount that the message names', () => {
    for (const slower of [1, 10, 1000]) {
      const { A } = costs.times;
      const slow = {
        trainingImage: A!.trainingImage * slower,
        densePixel: A!.densePixel * slower,
        cropPixel: A!.cropPixel * slower,
      };
      const one = nets.filter(({ name }) => name === 'A-256');
      const allotted = (seconds: number) => allot(one, { ...costs, times: { A: slow } }, seconds);
      let message = '';
      try {
        allotted(2);
      } catch (error) {
        message = String(error);
      }
      const [, amount, unit] = /raise --budget by (\d+)([sm]) or more/.exec(message)!;
      expect(allotted(2 + Number(amount) * (unit === 'm' ? 60 : 1)).nets).toEqual(['A-256']);
    }
  });
});

describe('a study under way', () => {
  const plan = allot(nets, costs, 1800);
  const net = (name: string) => nets.find((one) => one.name === name)!;
  const seconds = (name: string) => netSeconds(net(name), plan, costs, calm);
  const epochsOf = (name: string, left: readonly string[], course: Partial<Course>) =>
    epochsFor(net(name), left.map(net), plan, costs, { ...calm, ...course });

  it('trains as planned if the time suffices', () => {
    const secondsLeft = seconds('D-256') + seconds('D-384') + 1;
    expect(epochsOf('D-256', ['D-256', 'D-384'], { secondsLeft })).toBe(plan.epochs['D-256']);
    expect(seconds('D-256')).toBeCloseTo(
      2 +
        plan.epochs['D-256']! * epochTime(net('D-256'), 10_000, costs) +
        1000 * 3e-7 * (2 * (32 ** 2 + 37 ** 2 + 42 ** 2) + 3 * 32 ** 2),
      6,
    );
  });

  it('leaves out other nets rather than training one for less than those before', () => {
    const secondsLeft = 2 * seconds('D-256') + 1;
    expect(epochsOf('D-256', ['D-256', 'D-384'], { slowness: 2, secondsLeft })).toBe(plan.epochs['D-256']);
    expect(epochsOf('D-384', ['D-384'], { slowness: 2, secondsLeft: 1 })).toBe(0);
  });

  it('trains the last net for fewer epochs', () => {
    const half = epochsOf('D-256', ['D-256'], { secondsLeft: seconds('D-256') / 2 });
    expect(half).toBe(Math.floor(plan.epochs['D-256']! / 2));
  });
});
