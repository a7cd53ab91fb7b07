import { describe, expect, it } from 'vitest';
import { byImportance, deepest, inputFor, PAPER_SCALES, type StudyNets, scaleFor, studyNets } from '../src/index';

const nets = (given: Partial<StudyNets>) =>
  studyNets({
    configs: ['D', 'A', 'A-LRN'],
    scales: ['256:512', '256', '384'],
    seeds: 1,
    fromScratch: false,
    input: 32,
    ...given,
  });

const chain = (given: Partial<StudyNets>) =>
  nets(given).map(({ name, scale, from }) => `${name} ${scale} ${from ? `${from.key} ${from.net}` : '-'}`);

describe('the nets of a study', () => {
  it('are chained as the paper chains them, and A, A-LRN and B have one scale', () => {
    expect(chain({})).toEqual([
      ...['A-256 37 -', 'A-LRN-256 37 -', 'D-256 37 preInit A-256'],
      ...['D-384 55 weights D-256', 'D-256-512 37,73 weights D-384'],
    ]);
    expect(nets({ configs: ['D', 'E'], scales: ['384'] }).map(({ from }) => from)).toEqual([undefined, undefined]);
    expect(nets({}).filter(({ seed }) => seed === 1)).toHaveLength(5);
    const all = nets({ configs: ['A', 'A-LRN', 'B', 'C', 'D', 'E'] });
    expect(all).toHaveLength(12);
  });

  it('have every scale if there is no net deeper than B', () => {
    expect(chain({ configs: ['A', 'B'], scales: ['256', '384'] })).toEqual([
      ...['A-256 37 -', 'B-256 37 preInit A-256', 'A-384 55 weights A-256', 'B-384 55 weights B-256'],
    ]);
  });

  it('are repeated for each random seed, each from those of its seed', () => {
    expect(chain({ configs: ['A', 'D'], scales: ['256'], seeds: 2 })).toEqual([
      ...['A-256 37 -', 'D-256 37 preInit A-256', 'A-256-seed2 37 -', 'D-256-seed2 37 preInit A-256-seed2'],
    ]);
    const both = nets({ configs: ['A', 'D'], scales: ['256'], seeds: 2 });
    expect(both.map(({ id, seed }) => `${id} ${seed}`)).toEqual(['A-256 1', 'D-256 1', 'A-256 2', 'D-256 2']);
    expect(deepest(both).map(({ name }) => name)).toEqual(['A-256', 'D-256', 'A-256-seed2', 'D-256-seed2']);
  });

  it('may all start from random weights', () => {
    expect(nets({ fromScratch: true }).map(({ from }) => from)).toEqual(new Array(5).fill(undefined));
  });

  it('have the proportions of the paper for images of any size', () => {
    expect([32, 64, 100, 160, 333, 2000].map(inputFor)).toEqual([32, 64, 96, 128, 224, 224]);
    expect(PAPER_SCALES.map((scale) => scaleFor(scale, 224))).toEqual([256, 384, [256, 512]]);
    expect(scaleFor('384', 64)).toBe(110);
  });

  it('are left out in an order: other seeds, later scales, LRN, C, E; a net never before one that starts from it', () => {
    const all = nets({ configs: ['A', 'A-LRN', 'B', 'C', 'D', 'E'], seeds: 2 });
    const names = byImportance(all).map(({ name }) => name);
    expect(names.slice(0, 12)).toEqual([
      ...['A-256', 'B-256', 'D-256', 'E-256', 'C-256', 'A-LRN-256'],
      ...['D-384', 'D-256-512', 'E-384', 'E-256-512', 'C-384', 'C-256-512'],
    ]);
    expect(names[12]).toBe('A-256-seed2');
    for (const { name, from } of all) {
      if (from !== undefined) expect(names.indexOf(from.net)).toBeLessThan(names.indexOf(name));
    }
  });
});
