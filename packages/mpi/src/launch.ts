/** Starts the ranks of a job by mpirun, passes signals to them and says in one line what went wrong. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { VggError } from '@vgg/core';
import type { MpiLibrary } from './launcher';
import { builtLibraries } from './load';

/** Options of {@link launch}. */
export interface LaunchOptions {
  /** Number of processes. */
  ranks: number;
  /** Machines with the number of ranks of each: `a:2,b:2`. Default this machine. */
  hosts?: string | undefined;
  /** Program that starts the ranks. Default the mpirun of the MPI that the addon was built for. */
  mpirun?: string | undefined;
  /**
   * True if the program saves its work after the first signal and ends by itself; false if a signal ends it at once, since it has
   * nothing to save. Default true.
   */
  saves?: boolean | undefined;
}

/** Seconds that mpirun has to end all ranks after one of them has failed. */
const GRACE = 3;

interface Mpirun {
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
function findMpirun(given: string | undefined): Mpirun {
  const built = builtLibraries();
  if (built.length === 0)
    throw new VggError('backend', `starting ranks needs MPI, for which @vgg/mpi is not built: ${INSTALL}`);
  const commands = given === undefined ? ['mpirun.openmpi', 'mpirun', 'mpirun.mpich', 'mpiexec'] : [given];
  for (const command of commands) {
    const library = libraryOf(command);
    if (library !== undefined && built.includes(library)) return { library, command };
  }
  const found = given === undefined ? 'no mpirun' : `no mpirun in ${given}`;
  throw new VggError('backend', `starting ranks needs an mpirun of ${built.join(' or ')}, found ${found}: ${INSTALL}`);
}

/** Arguments that say how many ranks to start, and where. */
function placing({ library }: Mpirun, { ranks, hosts }: LaunchOptions): string[] {
  const count = ['-n', String(ranks)];
  if (library === 'mpich') return [...(hosts === undefined ? [] : ['-hosts', hosts]), ...count];
  const root = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
  // Ranks of one machine share its cores: mpirun would tie each to one of them, and refuse more ranks than cores.
  const cores = ['--bind-to', 'none', '--oversubscribe'];
  return [...root, ...cores, ...(hosts === undefined ? [] : ['--host', hosts]), ...count];
}

/**
 * Runs a rank and says how it has ended. MPICH names the first rank of a machine, which it has ended itself, and Open MPI
 * none that dies in its first moments. Ranks that mpirun ends say nothing: their shells get its signal, too.
 */
const WITNESS = `trap ends=1 TERM
trap : USR2
"$@"
code=$?
[ $code -eq 0 ] && exit 0
[ -n "$ends" ] && [ $code -gt 128 ] && exit $code
how="ended with exit code $code"
[ $code -gt 128 ] && how="was ended by SIG$(kill -l $((code - 128)))"
printf '\\nerror: rank %s (%s) %s\\n' "\${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" "$(uname -n)" "$how" >&2
exit $code`;

/** Open MPI's message about a rank that died and printed nothing. */
const DEATH = /process rank (?<rank>\d+) with PID \d+ on node (?<host>\S+) exited on signal (?<signal>\d+)/;

/** Open MPI's message about a rank that ended too soon, in lines that begin with two spaces. */
const EXIT = /Process name: \[\[\d+,\d+\],(?<rank>\d+)\]\n\s*Exit code: +(?<code>\d+)/;

/** Stands before and after a message of Open MPI. */
const RULER = /-{70,}$/;

/** Collects what ranks and mpirun write: lines of ranks pass, those of mpirun are kept for the end. */
class Errors {
  #rest = '';
  #result = '';
  /** Empty lines of stdout that are the program's if more of its output follows; MPICH writes one before its message. */
  #empty = '';
  /** The first line of a rank that names a failure. */
  line: string | undefined;
  /** True once the ranks are ended on purpose: some find others gone before they end, which is not a failure. */
  ending = false;
  readonly #notices: string[] = [];
  /** True between two rulers, where Open MPI writes what it has to say. */
  #isMessage = false;

  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#take(line);
  }

  /** Takes what comes to stdout: results of rank 0, and MPICH's message about a rank that died. */
  addResult(text: string): void {
    const lines = (this.#result + text).split('\n');
    this.#result = lines.pop()!;
    for (const line of lines) this.#takeResult(line, '\n');
  }

  /** Takes the last lines, which may lack their end. */
  end(): void {
    if (this.#rest !== '') this.#take(this.#rest);
    if (this.#result !== '') this.#takeResult(this.#result, '');
    if (this.#empty !== '') process.stdout.write(this.#empty);
  }

  #takeResult(line: string, end: string): void {
    if (line === '') {
      this.#empty += end;
      return;
    }
    if (/^={10}|^= {2}|^YOUR APPLICATION TERMINATED|^This typically refers|^Please see the FAQ/.test(line)) {
      this.#notices.push(line);
    } else process.stdout.write(`${this.#empty}${line}${end}`);
    this.#empty = '';
  }

  #take(text: string): void {
    // Open MPI writes its ruler after a last line that does not end.
    const line = text.replace(RULER, '');
    if (RULER.test(text)) this.#isMessage = !this.#isMessage;
    if (/^error: /.test(line) && !this.ending) {
      if (this.line === undefined) process.stderr.write(`${line}\n`);
      this.line ??= line;
    } else if (/^\d\d:\d\d:\d\d |^warning: /.test(line) || (/^ {2,}/.test(line) && !this.#isMessage)) {
      process.stderr.write(`${line}\n`);
    } else if (!/^[-\s]*$/.test(line)) {
      this.#notices.push(line);
    }
  }

  /** Returns why the ranks ended, from what mpirun wrote. */
  cause(code: number | null): string {
    const text = this.#notices.join('\n');
    const named = DEATH.exec(text)?.groups;
    if (named !== undefined) {
      const signal = Object.entries(constants.signals).find(([, number]) => number === Number(named.signal))?.[0];
      return `rank ${named.rank} (${named.host}) was ended by ${signal ?? `signal ${named.signal}`}`;
    }
    const ended = EXIT.exec(text)?.groups;
    if (ended !== undefined) return `rank ${ended.rank} ended with exit code ${ended.code}`;
    if (/not enough slots available/.test(text))
      return 'the hosts have fewer slots than ranks: raise the slots, or lower the number of ranks';
    if (/Conflicting directives for mapping policy/.test(text))
      return 'a setting of mpirun forbids more ranks than slots: unset rmaps_base_no_oversubscribe in its environment or files';
    if (
      /lost communication|unable to (?:launch|start)|could not be resolved|control_cb|daemon/i.test(text) &&
      !/BAD TERM/.test(text)
    ) {
      return `a machine of the job is gone or cannot be reached (${this.#notices.find((line) => /\w{3}/.test(line))?.trim()})`;
    }
    const host = /RUNNING AT (\S+)/.exec(text)?.[1];
    const exit = /EXIT CODE: (\d+)/.exec(text)?.[1];
    if (host !== undefined) {
      const process = /PID (\d+)/.exec(text)?.[1];
      const signal = Object.entries(constants.signals).find(([, number]) => number === Number(exit))?.[0];
      return `a rank on ${host} (process ${process}) was ended by ${signal ?? `exit code ${exit}`}`;
    }
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
 * Runs a program on several ranks of this machine or of others, and returns its exit code. If it fails, one line on stderr says
 * which rank ended and why.
 *
 * With `saves`, Ctrl-C, SIGTERM and SIGHUP reach rank 0 as a line on its stdin, which every mpirun forwards: after a signal mpirun would end
 * the ranks before they have saved. A second one ends them at once. `listenForInterruption` of `@vgg/core/node` hears that line
 * in the program, which has the variable `VGG_LAUNCHED` in its environment.
 *
 * @param program the command with its arguments, as `[process.execPath, script]`. Its stdout passes. Of its stderr, lines
 *   pass that begin with `error: `, `warning: `, a time (`12:30:00 `) or two spaces; others are taken for those of mpirun.
 * @throws VggError `VGG_BACKEND` if there is no MPI that ranks can be started by.
 */
export async function launch(program: readonly string[], options: LaunchOptions): Promise<number> {
  const { saves = true } = options;
  const launcher = findMpirun(options.mpirun);
  const child = spawn(launcher.command, [...placing(launcher, options), 'sh', '-c', WITNESS, 'sh', ...program], {
    // Of its own process group: the terminal sends Ctrl-C to ours alone.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, VGG_LAUNCHED: '1' },
  });
  const errors = new Errors();
  child.stdout!.setEncoding('utf8').on('data', (text: string) => errors.addResult(text));
  let timer: NodeJS.Timeout | undefined;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors.add(text);
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
    if (saves) {
      child.stdin!.write('stop\n');
      return;
    }
    errors.ending = true;
    child.kill('SIGTERM');
    timer ??= setTimeout(() => killGroup(child), GRACE * 1000);
  };
  const names = Object.keys(CODES) as Interruption[];
  const onExit = () => killGroup(child);
  for (const name of names) process.on(name, onSignal);
  child.stdin!.on('error', () => {});
  process.on('exit', onExit);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status));
    // What a lost machine's shell holds open is not waited for.
    child.on('exit', (status) => setTimeout(() => resolve(status), 1000));
  }).finally(() => {
    for (const name of names) process.off(name, onSignal);
    process.off('exit', onExit);
    onExit();
  });
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream!.destroy();
  errors.end();
  clearTimeout(timer);
  if (interrupted !== undefined && (!saves || (errors.line === undefined && code === 0))) return CODES[interrupted];
  if (code === 0) return 0;
  if (errors.line === undefined) process.stderr.write(`error: ${errors.cause(code)}\n`);
  return code === null || code === 137 || code > 128 ? 1 : code;
}

/** Options of the command line that {@link relaunch} leaves out. */
const STARTING = ['--ranks', '--hosts', '--mpirun'];

/**
 * Runs this program on several ranks by {@link launch}, with its own arguments except `--ranks`, `--hosts` and `--mpirun` and
 * their values.
 */
export function relaunch(options: LaunchOptions): Promise<number> {
  const [script, ...words] = process.argv.slice(1);
  const isStarting = (word: string | undefined) => STARTING.includes(word ?? '');
  const kept = words.filter(
    (word, i) =>
      !isStarting(word) && !isStarting(words[i - 1]) && !STARTING.some((name) => word.startsWith(`${name}=`)),
  );
  return launch([process.execPath, ...process.execArgv, script!, ...kept], options);
}
