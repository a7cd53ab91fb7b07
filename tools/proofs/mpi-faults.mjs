/**
 * Faults of one rank of a run, for `mpi.mjs`. A script stands in for mpirun: it starts every rank through a second script, which
 * notes the rank's process and prepares what the fault needs (an mpirun by hand could do the same).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Starts mpirun with a script before the program of each rank. */
const MPIRUN = `#!/bin/bash
[ "$1" = --version ] && exec "$FAULT_MPIRUN" --version
words=()
while [ "$1" != "$FAULT_NODE" ]; do words+=("$1"); shift; done
exec "$FAULT_MPIRUN" "\${words[@]}" "$FAULT_FOLDER/rank.sh" "$@"
`;

/** Becomes the program of a rank, or of the faulty one what it is in this fault. */
const RANK = `#!/bin/bash
rank=\${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
echo $$ > "$FAULT_RUN/$rank"
[ "$rank" = "$FAULT_RANK" ] || exec "$@"
case $FAULT in
  code) NODE_OPTIONS="--import $FAULT_FOLDER/code.mjs" exec "$@";;
  host) exec unshare -m "$@";;
  lacks) exec unshare -m sh -c 'mount -t tmpfs tmpfs "$FAULT_DATA/train/b" && exec "$@"' sh "$@";;
  version) node=$1; shift 2; exec "$node" "$FAULT_FOLDER/other/dist/cli.js" "$@";;
  recipe) exec "$@" --seed 7;;
esac
exec "$@"
`;

/** Loaded into the faulty rank: throws or exits when its time has come. */
const CODE = `import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
const { FAULT_CODE, FAULT_RUN } = process.env;
if (isMainThread) {
  const timer = setInterval(() => {
    if (!existsSync(FAULT_RUN + '/now')) return;
    clearInterval(timer);
    if (FAULT_CODE === 'throw') throw new Error('planned');
    if (FAULT_CODE === 'reject') Promise.reject(new Error('planned'));
    if (FAULT_CODE.startsWith('exit')) process.exit(Number(FAULT_CODE.slice(4)));
  }, 10).unref();
}
`;

/** A copy of the trainer that says it has another version. */
function copyOtherVersion(folder, cli) {
  const dist = join(folder, 'other', 'dist');
  cpSync(dirname(cli), dist, { recursive: true });
  symlinkSync(join(dirname(dirname(cli)), 'node_modules'), join(folder, 'other', 'node_modules'));
  cpSync(join(dirname(dirname(cli)), 'package.json'), join(folder, 'other', 'package.json'));
  let changed = 0;
  for (const name of readdirSync(dist).filter((each) => each.endsWith('.js'))) {
    const file = join(dist, name);
    const text = readFileSync(file, 'utf8');
    const other = text.replace(/(?<=\bversion(?:: | = )")\d+\.\d+\.\d+(?=")/, '9.9.9');
    if (other !== text) changed += 1;
    writeFileSync(file, other);
  }
  if (changed === 0) throw new Error('the version of the trainer was not found in its build');
}

/** Writes the scripts. Returns their folder. */
export function prepareFaults(home, cli) {
  const folder = join(home, 'faults');
  mkdirSync(folder);
  for (const [name, text] of [
    ['mpirun.sh', MPIRUN],
    ['rank.sh', RANK],
    ['code.mjs', CODE],
  ]) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  copyOtherVersion(folder, cli);
  return folder;
}

const isRoot = process.getuid() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

const signal = (name) => ({ act: ({ pid }) => process.kill(pid, name) });
const code = (name) => ({
  environment: { FAULT: 'code', FAULT_CODE: name },
  act: ({ notes }) => writeFileSync(join(notes, 'now'), ''),
});

/**
 * Faults by name. `environment` prepares the rank, and `act` does the harm when its time has come; a fault without `act` is there from the
 * start. `first` marks those of rank 0, `joined` those that harm only ranks that have joined the job, `used` those that are noticed when
 * the run needs what is gone. `line` is what the error must say, and `others` is true if it may name the rank that noticed it.
 */
export const FAULTS = {
  'kill -9': { ...signal('SIGKILL'), line: /was ended by SIGKILL/ },
  SIGSTOP: { ...signal('SIGSTOP'), joined: true, line: /no sign of life for 5 s/ },
  SIGSEGV: { ...signal('SIGSEGV'), line: /was ended by SIGSEGV/ },
  SIGABRT: { ...signal('SIGABRT'), line: /was ended by SIGABRT/ },
  throw: { ...code('throw'), joined: true, line: /planned/ },
  'rejected promise': { ...code('reject'), joined: true, line: /planned/ },
  'exit 0': { ...code('exit0'), joined: true, line: /ended with exit code 0 in the middle of the job/ },
  'exit 3': { ...code('exit3'), line: /ended with exit code 3/ },
  ...(isRoot && {
    'full disk on rank 0': {
      first: true,
      joined: true,
      used: true,
      act: ({ disk }) => fill(disk),
      line: /disk is full/,
    },
    'images gone on one machine': {
      environment: { FAULT: 'host' },
      joined: true,
      used: true,
      // While images are read, or by the evaluation after training, which opens the folders again.
      line: /there is no|cannot|missing|holds no images/,
      act: ({ pid, data }) => {
        for (const name of readdirSync(join(data, 'train'))) {
          execFileSync('nsenter', [
            '-t',
            String(pid),
            '-m',
            'mount',
            '-t',
            'tmpfs',
            'tmpfs',
            join(data, 'train', name),
          ]);
        }
      },
    },
    'an image missing on one machine': { environment: { FAULT: 'lacks' }, line: /names of images|no images|classes/ },
  }),
  'another version on one rank': { environment: { FAULT: 'version' }, line: /has version/ },
  'another recipe on one rank': { environment: { FAULT: 'recipe' }, line: /has seed 7/ },
};

/** Mounts a small disk for a run. */
export function mountDisk(path) {
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', path]);
}
export const unmountDisk = (path) => execFileSync('umount', ['-l', path]);

export function fill(disk) {
  for (let size = 2 ** 22; size >= 64; size /= 2) {
    for (let n = 0; n < 3; n++) {
      try {
        writeFileSync(join(disk, `other-${size}-${n}`), Buffer.alloc(size));
      } catch {}
    }
  }
}
export function empty(disk) {
  for (const name of readdirSync(disk).filter((each) => each.startsWith('other-'))) writeFileSync(join(disk, name), '');
}

/** Process of a rank of a run, once it was started. */
export function processOf(notes, rank) {
  const file = join(notes, String(rank));
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}
