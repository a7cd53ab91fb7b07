/** Runs on several processes, by every MPI that is there. Faults are tools/proofs/mpi.mjs's. */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDemoImages } from '@vgg/data/node';
import { builtLibraries } from '@vgg/mpi';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLI, home, images, TINY, trainer } from './command-line';

const MPI = builtLibraries();
const reason = MPI.length > 0 ? '' : ' (skipped: @vgg/mpi is not built, install openmpi-bin and libopenmpi-dev)';

let data: string;
beforeAll(async () => {
  data = await images();
  await trainer(words('alone'));
});

const words = (out: string) => [
  ...['train', '--data', data, ...TINY, '--batch-norm', '--batch', '8', '--micro-batch', '2', '--epochs', '2'],
  ...['--out', join(home, out)],
];

/** Arguments of mpirun that start two ranks on this machine. */
const PLACING = [
  ...(MPI[0] === 'openmpi'
    ? ['--oversubscribe', '--bind-to', 'none', ...(process.getuid?.() === 0 ? ['--allow-run-as-root'] : [])]
    : []),
  ...['-n', '2'],
];

/** Weights, newest checkpoint and evaluation of a run. */
function bytesOf(run: string): Buffer[] {
  const folder = join(home, run, 'checkpoints');
  const newest = readdirSync(folder).sort().at(-1)!;
  const files = ['model.safetensors', join('checkpoints', newest), 'evaluation.json'];
  return files.map((file) => readFileSync(join(home, run, file)));
}

describe.skipIf(MPI.length === 0)(`train --ranks${reason}`, () => {
  it.each(MPI.flatMap((library) => [2, 3].map((ranks) => [library, ranks] as const)))(
    'gives the bytes of one process: %s, %i ranks',
    async (library, ranks) => {
      const run = `${library}-${ranks}`;
      const more = ['--ranks', String(ranks), '--mpirun', `mpirun.${library}`];
      const together = await trainer([...words(run), ...more]);
      expect([together.code, together.stderr]).toEqual([0, expect.stringContaining(`training on ${ranks} ranks`)]);
      expect(together.stderr).toContain(`dense, by ${ranks} ranks`);
      expect(bytesOf(run)).toEqual(bytesOf('alone'));
    },
  );

  it('gives the bytes of one process with Muon where a batch has fewer micro-batches than ranks, and says so', async () => {
    const more = ['--micro-batch', '4', '--optimiser', 'muon', '--rate', '0.02'];
    const alone = await trainer([...words('muon'), ...more]);
    const together = await trainer([...words('muon-3'), ...more, '--ranks', '3']);
    expect([alone.code, together.code]).toEqual([0, 0]);
    expect(together.stderr).toContain('has 2 micro-batches of 4, so 1 of 3 ranks have none: use fewer ranks');
    expect(bytesOf('muon-3')).toEqual(bytesOf('muon'));
  });

  it('saves on Ctrl-C and continues on one process to the same bytes', async () => {
    const first = await trainer([...words('stopped'), '--ranks', '2'], (text, kill) => {
      if (text.includes('epoch 1/2')) kill('SIGINT');
    });
    expect([first.code, first.stderr]).toEqual([130, expect.stringMatching(/saved after step \d+; .*--resume/)]);
    expect((await trainer(['train', '--resume', join(home, 'stopped')])).code).toBe(0);
    expect(bytesOf('stopped')).toEqual(bytesOf('alone'));
  });

  it('evaluates after Ctrl-C what was not evaluated, on other ranks', async () => {
    const run = 'not-evaluated';
    const first = await trainer([...words(run), '--ranks', '2'], (text, kill) => {
      if (text.includes('evaluating one net')) kill('SIGINT');
    });
    expect([first.code, first.stderr]).toEqual([130, expect.stringContaining('their evaluation is not complete')]);
    expect(first.stderr).not.toContain('error: ');
    const second = await trainer(['train', '--resume', join(home, run), '--ranks', '3']);
    expect([second.code, second.stderr]).toEqual([0, expect.stringContaining('dense, by 3 ranks')]);
    expect(bytesOf(run)).toEqual(bytesOf('alone'));
    const third = await trainer(['train', '--resume', join(home, run), '--ranks', '2']);
    expect([third.code, third.stderr]).toEqual([0, expect.stringContaining('there is nothing left to train')]);
  });

  it('says in one line, once, what is wrong with the input', async () => {
    const { code, stderr } = await trainer([...words('wrong'), '--ranks', '2', '--batch', '7']);
    expect([code, stderr.split('\n').filter((line) => line.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(/^error: rank 0 \(.+\): --batch 7 is not a multiple of --micro-batch 2/)],
    ]);
  });

  it.each(['--dry-run', '--find-rate'])('refuses %s, which runs on one process', async (option) => {
    const line = new RegExp(`${option} runs on one process, got 2 ranks`);
    const asked = await trainer([...words('none'), '--ranks', '2', option]);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(line)]);
    expect(asked.stderr.trim().split('\n')).toHaveLength(1);
    const { status, stderr } = spawnSync(
      `mpirun.${MPI[0]}`,
      [...PLACING, process.execPath, CLI, ...words('none'), option],
      {
        encoding: 'utf8',
      },
    );
    expect([status, stderr.split('\n').filter((each) => each.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(line)],
    ]);
  });

  it('refuses a command that runs on one process, in one line', () => {
    const words = [...PLACING, process.execPath, CLI, 'transfer', '--data', data];
    const { status, stderr } = spawnSync(`mpirun.${MPI[0]}`, words, { encoding: 'utf8' });
    expect([status, stderr.split('\n').filter((line) => line.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(/^error: rank 0 \(.+\): transfer runs on one process: start it without .*mpirun$/)],
    ]);
  });

  /** Starts two ranks by mpirun, the second one with more arguments of Node or of the trainer. */
  const byHand = (run: string, { node = [], more = [] }: { node?: string[]; more?: string[] }) => {
    const one = ['-n', '1', process.execPath];
    const place = PLACING.slice(0, -2);
    const programs = [...one, CLI, ...words(run), ':', ...one, ...node, CLI, ...words(run), ...more];
    const { status, stderr } = spawnSync(`mpirun.${MPI[0]}`, [...place, ...programs], { encoding: 'utf8' });
    return [status, stderr.split('\n').filter((line) => line.startsWith('error: '))];
  };

  it('refuses ranks that were started with other settings', () => {
    expect(byHand('other', { more: ['--seed', '7'] })).toEqual([
      2,
      [expect.stringMatching(/^error: rank 1 \(.+\): rank 1 \(.+\) has seed 7, rank 0 \(.+\) has \d+: /)],
    ]);
  });

  it.each([
    ['throws outside of any call', `throw new Error('planned')`, 'unexpected: planned'],
    ['exits', 'process.exit(0)', 'ended with exit code 0 in the middle of the job'],
  ])('ends and names a rank that %s', (_, end, line) => {
    // Rank 0 makes the folder of the run, once all have joined.
    const run = `ended-${line.length}`;
    const source = `
      import { existsSync } from 'node:fs';
      import { isMainThread } from 'node:worker_threads';
      const timer = isMainThread && setInterval(() => {
        if (!existsSync('${join(home, run, 'run.json')}')) return;
        clearInterval(timer);
        ${end};
      }, 5).unref();`;
    const node = ['--import', `data:text/javascript,${encodeURIComponent(source)}`];
    const [status, errors] = byHand(run, { node });
    expect([status, errors]).toEqual([1, [expect.stringMatching(new RegExp(`^error: rank 1 \\(.+\\): ${line}$`))]]);
  });

  it('trains a smoke run on several ranks', async () => {
    const { code, stderr } = await trainer([...words('none'), '--ranks', '2', '--smoke']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('the smoke run worked')]);
  });

  it('refuses a launcher that is not there', async () => {
    const { code, stderr } = await trainer([...words('none'), '--ranks', '2', '--mpirun', './mpirun']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: starting ranks needs an mpirun of .*found no mpirun in/),
    ]);
  });
});

describe.skipIf(MPI.length === 0)(`evaluate --ranks${reason}`, () => {
  /** Images of a few blocks, one of them broken, and two runs to fuse. */
  let words: (predictions: string, scales?: string) => string[];
  /** Output and file of predictions of one process. */
  let alone: (string | Buffer)[];
  beforeAll(async () => {
    const many = join(home, 'many');
    await makeDemoImages(many, { train: 1, validation: 15, seed: 2 });
    writeFileSync(join(many, 'val', 'star', 'broken.jpg'), 'no image');
    cpSync(join(home, 'alone'), join(home, 'twin'), { recursive: true });
    const runs = ['alone', 'twin'].flatMap((run) => ['--run', join(home, run)]);
    words = (predictions, scales = '32') => [
      ...['evaluate', ...runs, '--data', many, '--protocol', 'both', '--scales', scales, '--engine', 'wasm', '--json'],
      ...['--predictions', join(home, predictions)],
    ];
    const { code, stdout } = await trainer(words('predictions'));
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { images: 150, skipped: [{ key: 'star/broken.jpg' }] }]);
    alone = [stdout, readFileSync(join(home, 'predictions'))];
  });

  it.each(MPI.flatMap((library) => [2, 3].map((ranks) => [library, ranks] as const)))(
    'prints and writes the bytes of one process, nets fused: %s, %i ranks',
    async (library, ranks) => {
      const file = `predictions-${library}-${ranks}`;
      const more = ['--ranks', String(ranks), '--mpirun', `mpirun.${library}`];
      const { code, stdout, stderr } = await trainer([...words(file), ...more]);
      expect([code, stderr]).toEqual([0, expect.stringContaining(`both, by ${ranks} ranks`)]);
      expect([stdout, readFileSync(join(home, file))]).toEqual(alone);
      expect(stderr.match(/skipped/g)).toHaveLength(1);
    },
  );

  it('keeps the results of a run as one process does', async () => {
    const kept = join(home, 'alone', 'evaluation.json');
    const one = ['evaluate', join(home, 'alone'), '--split', 'all', '--protocol', 'single', '--engine', 'wasm'];
    const first = await trainer(one);
    const expected = [first.stdout, readFileSync(kept, 'utf8')];
    const second = await trainer([...one, '--ranks', '2']);
    expect([second.stdout, readFileSync(kept, 'utf8')]).toEqual(expected);
  });

  it('gives the bytes of one process if mpirun starts it', () => {
    const mpirun = [...PLACING, process.execPath, CLI, ...words('direct')];
    const { status, stdout } = spawnSync(`mpirun.${MPI[0]}`, mpirun, { encoding: 'utf8' });
    expect([status, stdout, readFileSync(join(home, 'direct'))]).toEqual([0, ...alone]);
  });

  it('says in one line which rank found an image that cannot be used', async () => {
    const { code, stderr } = await trainer([...words('strict'), '--ranks', '2', '--strict']);
    expect([code, stderr.split('\n').filter((line) => line.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(/^error: rank [01] \(.+\): star\/broken\.jpg/)],
    ]);
  });

  it('refuses nets that differ between the ranks', () => {
    for (const rank of [0, 1]) cpSync(join(home, 'twin'), join(home, `rank-${rank}`), { recursive: true });
    const file = join(home, 'rank-1', 'model.safetensors');
    const changed = readFileSync(file);
    changed.writeUInt8(changed.at(-1)! ^ 1, changed.length - 1);
    writeFileSync(file, changed);
    const run = `${join(home, 'rank-')}$OMPI_COMM_WORLD_RANK$PMI_RANK`;
    const start = `exec "$0" "$1" evaluate "${run}" --engine wasm --data "$2"`;
    const mpirun = [...PLACING, 'sh', '-c', start, process.execPath, CLI, join(home, 'many')];
    const { status, stderr } = spawnSync(`mpirun.${MPI[0]}`, mpirun, { encoding: 'utf8' });
    expect([status, stderr.split('\n').filter((line) => line.startsWith('error: '))]).toEqual([
      2,
      [expect.stringMatching(/^error: rank 1 \(.+\): rank 1 \(.+\) has weights \[".+"\], rank 0 \(.+\) has \[".+"\]/)],
    ]);
  });

  it('ends at once on Ctrl-C', async () => {
    // More than a second of work, so that it is not done when the signal comes.
    const many = words('ended', '64,80,96,112,128');
    const { code, stdout, stderr } = await trainer([...many, '--ranks', '2'], (text, kill) => {
      if (text.includes('by 2 ranks')) kill('SIGINT');
    });
    expect([code, stdout, stderr.split('\n').filter((line) => line.includes('error: '))]).toEqual([130, '', []]);
  });
});
