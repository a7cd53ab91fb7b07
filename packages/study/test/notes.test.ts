import { readRecipe, resolveRecipe, withDefaults } from '@vgg/recipes';
import { describe, expect, it } from 'vitest';
import { NetScores, notesOn, type StudyFacts, StudyResults, studyNets } from '../src/index';

/** Returns the facts of a study of some nets, of which those with epochs are trained. */
function factsOf(configs: readonly ('A' | 'B' | 'D')[], seeds: number, epochs: Record<string, number>): StudyFacts {
  const nets = studyNets({ configs, scales: ['256'], seeds, fromScratch: false, input: 224 });
  const scores = new NetScores(2, [], new Map()).with({
    labels: [0],
    posteriors: { 'dense:single': Float32Array.of(0.9, 0.1) },
  });
  const trained = nets.filter(({ name }) => epochs[name] !== undefined);
  const planned = Object.fromEntries(nets.map(({ name }) => [name, 40]));
  return {
    results: new StudyResults(nets, new Map(trained.map(({ name }) => [name, scores]))),
    nets,
    plan: { nets: [], trainImages: 5000, epochs: planned, denseImages: 1, cropImages: 1 },
    recipe: resolveRecipe(withDefaults(readRecipe('paper')), '/images', 5000),
    epochs,
    classes: 2,
    images: { train: 5000, validation: 1 },
    settings: { budget: 600, fromScratch: false, input: 224 },
    spent: 590,
    machine: 'a machine',
  };
}

describe('the notes', () => {
  it('name the reason for other epochs than the planned ones', () => {
    const facts = factsOf(['A', 'B', 'D'], 1, { 'A-256': 40, 'B-256': 12, 'D-256': 30 });
    const notes = notesOn({ ...facts, endedEarly: ['B-256'] });
    expect(notes.filter((note) => note.startsWith('Not the planned epochs'))).toEqual([
      'Not the planned epochs, because early stopping or the plateau schedule ended the training: B-256 12 of 40.',
      'Not the planned epochs, because training became slower; compare with care: D-256 30 of 40.',
    ]);
  });

  it('name the nets that started from random weights because the net before was left out', () => {
    const notes = notesOn(factsOf(['A', 'B'], 2, { 'A-256': 40, 'B-256': 40, 'B-256-seed2': 40 })).join('\n');
    expect(notes).toMatch(/As in section 3\.1, B-256 started from A's first four convolutions/);
    expect(notes).toMatch(/Unlike in the paper, B-256-seed2 started from random weights\./);
  });

  it('explain dense errors at small inputs by the share of padding, worked by hand', () => {
    const facts = factsOf(['A'], 1, { 'A-256': 40 });
    const notesAt = (input: number) =>
      notesOn({ ...facts, settings: { ...facts.settings, input } }).filter((note) => note.includes('padding'));
    // A filter of 3×3 on 2×2 positions covers 4 values at each of 4 positions: 16 of 36. On 14×14, 40² of 42².
    expect(notesAt(32)).toEqual([expect.stringMatching(/maps of 2×2: 56 % .* padding \(paper: 14×14, 9 %\)/)]);
    expect(notesAt(64)).toEqual([expect.stringMatching(/maps of 4×4: 31 % /)]);
    expect(notesAt(112)).toEqual([]);
  });
});
