/** `train --ranks`: starts the ranks of a run by mpirun, passes signals to them and says in one line what went wrong. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { VggError } from '@vgg/core';
import { builtLibraries, type MpiLibrary } from '@vgg/mpi';

export interface LaunchOptions {
  ranks: number;
  /** Machines with the number of ranks of each: `a:2,b:2`. Default this machine. */
  hosts?: string | undefined;
  /** Program that starts the ranks. Default the mpirun of the MPI that the addon was built for. */
  mpirun?: string | undefined;
}

/** Seconds that the ranks have to end after mpirun's first sign of a failure, and after a lost machine. */
const GRACE = 8;

interface Launcher {
  library: MpiLibrary;
  command: string;
}

function libraryOf(command: string): MpiLibrary | undefined {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  if (/Open MPI|OpenRTE|PRRTE/.test(stdout ?? '')) return 'openmpi';
  return /HYDRA|MPICH/.test(stdout ?? '') ? 'mpich' : undefined;
}

const INSTALL = 'apt-get install openmpi-bin libopenmpi-dev g++, and run node scripts/build-native.mjs in packages/mpi';

/** @throws VggError `VGG_BACKEND` if there is no MPI that ranks can be started by. */
function findMpirun(given: string | undefined): Launcher {
  const built = builtLibraries();
  if (built.length === 0)
    throw new VggError('backend', `--ranks needs MPI, for which @vgg/mpi is not built: ${INSTALL}`);
  const commands = given === undefined ? ['mpirun.openmpi', 'mpirun', 'mpirun.mpich', 'mpiexec'] : [given];
  for (const command of commands) {
    const library = libraryOf(command);
    if (library !== undefined && built.includes(library)) return { library, command };
  }
  const found = given === undefined ? 'no mpirun' : `no mpirun in ${given}`;
  throw new VggError('backend', `--ranks needs an mpirun of ${built.join(' or ')}, found ${found}: ${INSTALL}`);
}

/** Arguments that say how many ranks to start, and where. */
function placing({ library }: Launcher, { ranks, hosts }: LaunchOptions): string[] {
  const count = ['-n', String(ranks)];
  if (library === 'mpich') return [...(hosts === undefined ? [] : ['-hosts', hosts]), ...count];
  const root = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
  // Ranks of one machine share its cores: mpirun would tie each to one of them, and refuse more ranks than cores.
  const cores = ['--bind-to', 'none', '--oversubscribe'];
  return [...root, ...cores, ...(hosts === undefined ? [] : ['--host', hosts]), ...count];
}

/** What mpirun says of a rank that died without a word of its own. */
const DEATHS = [
  /process rank (?<rank>\d+) with PID \d+ on node (?<host>\S+) exited on signal (?<signal>\d+)/,
  /BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES/,
  /RUNNING AT (?<host>\S+)/,
  /EXIT CODE: (?<code>\d+)/,
  /lost communication with (?:a remote daemon|.*daemon)/,
  /not enough slots available/,
];

/** Collects what ranks and mpirun write to stderr: lines of ranks pass, those of mpirun are kept for the end. */
class Errors {
  #rest = '';
  /** The first line of a rank that names a failure. */
  line: string | undefined;
  readonly #notices: string[] = [];

  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    if (/^error: /.test(line)) {
      if (this.line === undefined) process.stderr.write(`${line}\n`);
      this.line ??= line;
    } else if (/^\d\d:\d\d:\d\d |^warning: |^ {2,}/.test(line)) {
      process.stderr.write(`${line}\n`);
    } else if (line.trim() !== '') {
      this.#notices.push(line);
    }
  }

  /** Returns why the ranks ended, from what mpirun wrote. */
  cause(code: number | null): string {
    const text = this.#notices.join('\n');
    const named = DEATHS.map((pattern) => pattern.exec(text)?.groups).find((groups) => groups?.rank !== undefined);
    if (named !== undefined) {
      const signal = Object.entries(constants.signals).find(([, number]) => number === Number(named.signal))?.[0];
      return `rank ${named.rank} (${named.host}) was ended by ${signal ?? `signal ${named.signal}`}`;
    }
    if (/not enough slots available/.test(text))
      return 'the hosts have fewer slots than --ranks: raise them, or lower --ranks';
    if (/lost communication|unable to (?:launch|start)|could not be resolved|control_cb|daemon/i.test(text)) {
      return `a machine of the job is gone or cannot be reached (${this.#notices.find((line) => /\w{3}/.test(line))?.trim()})`;
    }
    const host = /RUNNING AT (\S+)/.exec(text)?.[1];
    const exit = /EXIT CODE: (\d+)/.exec(text)?.[1];
    if (host !== undefined) return `a rank on ${host} ended with exit code ${exit}`;
    return `mpirun ended with exit code ${code}${text === '' ? '' : `: ${this.#notices.at(0)}`}`;
  }
}

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Interruption = keyof typeof CODES;

function killGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/**
 * Runs a program on several ranks and returns its exit code. Ctrl-C, SIGTERM and SIGHUP reach the ranks as SIGUSR2: mpirun
 * would end them one second after any other signal, before they have saved. A second one ends them at once.
 */
export async function launch(program: readonly string[], options: LaunchOptions): Promise<number> {
  const launcher = findMpirun(options.mpirun);
  const child = spawn(launcher.command, [...placing(launcher, options), ...program], {
    // Of its own process group: the terminal sends Ctrl-C to ours alone.
    detached: true,
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, VGG_LAUNCHED: '1' },
  });
  const errors = new Errors();
  let timer: NodeJS.Timeout | undefined;
  child.stderr!.on('data', (text: Buffer) => {
    errors.add(text.toString());
    // A daemon on a machine that is gone is waited for without end.
    if (errors.line !== undefined) timer ??= setTimeout(() => killGroup(child), GRACE * 1000);
  });
  let interrupted: Interruption | undefined;
  const onSignal = (name: Interruption) => {
    if (interrupted !== undefined) {
      killGroup(child);
      process.exit(CODES[name]);
    }
    interrupted = name;
    child.kill('SIGUSR2');
  };
  for (const name of Object.keys(CODES) as Interruption[]) process.on(name, onSignal);
  process.on('exit', () => killGroup(child));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status));
  });
  clearTimeout(timer);
  if (interrupted !== undefined && errors.line === undefined && code === 0) return CODES[interrupted];
  if (code === 0) return 0;
  if (errors.line === undefined) process.stderr.write(`error: ${errors.cause(code)}\n`);
  return code === null || code === 137 || code > 128 ? 1 : code;
}
