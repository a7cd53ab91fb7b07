/**
 * Runs that must have the same bytes on any number of ranks, for `mpi.mjs`: narrow nets on 72 images of 32². A rank has one thread and
 * the engine of the proof, unless a case says otherwise; the run of one rank always has one thread.
 */

/** Settings that the paper does not have. */
const BEYOND = ['--average-decay', '0.9', '--clip-norm', '5', '--label-smoothing', '0.1', '--cut-mix', '0.5'];

/** Settings of the run of which most parts of the proof make something. */
export const RECIPE = [
  ...['--config', 'A', '--batch-norm', ...BEYOND],
  ...['--width', '0.125', '--input', '32', '--batch', '24', '--micro-batch', '4', '--epochs', '3', '--workers', '1'],
];

/**
 * The cases by name. `words` follow those of the recipe, and replace them where both say something. A case with `fit` runs `mpi-fit.mjs`
 * in place of the trainer.
 */
export const CASES = {
  'A, batch norm, dropout, CutMix, clipping, averages': {},
  'D, dropout, micro-batches of 5': {
    words: [
      '--config',
      'D',
      '--no-batch-norm',
      '--cut-mix',
      '0',
      '--average-decay',
      '0',
      '--batch',
      '20',
      '--micro-batch',
      '5',
    ],
  },
  'D, batch norm, dropout, CutMix, clipping, averages, 5 micro-batches': {
    words: ['--config', 'D', '--batch', '20'],
  },
  'Muon, batch norm': { words: ['--optimiser', 'muon', '--rate', '0.02'] },
  'two micro-batches for more ranks': { words: ['--batch', '8', '--epochs', '1'] },
  '2 threads a rank, D at half the width, batch norm': {
    words: ['--config', 'D', '--width', '0.5', '--epochs', '1'],
    environment: { VGG_ONEDNN_THREADS: '2' },
  },
  'an uneven last micro-batch, D, batch norm, Muon': { fit: true },
  'WASM, A, batch norm, CutMix, clipping, averages': { engine: 'wasm' },
};
