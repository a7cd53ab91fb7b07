/** Starts programs on several ranks, by the launchers of the MPIs that the addon was built for. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { builtLibraries, type MpiLibrary } from '../src';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const BUILD_FOLDER = process.env.VGG_MPI_BUILD ?? join(PACKAGE, 'build', `${process.platform}-${process.arch}`);

function launcherOf(library: MpiLibrary): string | undefined {
  const other = { openmpi: /Open MPI|OpenRTE/, mpich: /HYDRA/ }[library];
  return [`mpirun.${library}`, 'mpirun'].find((command) =>
    other.test(spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout ?? ''),
  );
}

/** `[library, command]` of each MPI that programs can run under. */
export const LAUNCHERS = builtLibraries().flatMap((library): [MpiLibrary, string][] => {
  const command = launcherOf(library);
  return command === undefined ? [] : [[library, command]];
});

/** Part of the name of skipped tests. */
export const reason =
  LAUNCHERS.length > 0
    ? ''
    : ' (skipped: the addon is not built, install openmpi-bin and libopenmpi-dev and run build:native)';

/** Arguments that let a test start more ranks than there are cores, as root too. */
function launcherArguments(library: MpiLibrary, ranks: number): string[] {
  const openMpi = ['--oversubscribe', '--bind-to', 'none', '--allow-run-as-root'];
  return [...(library === 'openmpi' ? openMpi : []), '-n', String(ranks)];
}

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
  seconds: number;
}

export interface Programs {
  /** Runs `source` on every rank; it lies beside `mpi.mjs`, the package, and `contract.mjs`. */
  run(launcher: readonly [MpiLibrary, string], ranks: number, source: string): Promise<Outcome>;
  dispose(): void;
}

export async function bundlePrograms(): Promise<Programs> {
  mkdirSync(join(PACKAGE, 'build'), { recursive: true });
  const folder = mkdtempSync(join(PACKAGE, 'build', 'test-'));
  const entries = { mpi: 'src/index.ts', contract: '../core/test/communicator-contract.ts' };
  await build({
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(PACKAGE, file)])),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@vgg/source'],
    logLevel: 'error',
  });
  let programs = 0;
  return {
    run([library, command], ranks, source) {
      const file = join(folder, `program-${programs++}.mjs`);
      writeFileSync(file, source);
      const began = performance.now();
      const child = spawn(command, [...launcherArguments(library, ranks), process.execPath, file], {
        env: { ...process.env, VGG_MPI_BUILD: BUILD_FOLDER },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const texts = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].on('data', (text) => {
          texts[name] += text;
        });
      }
      return new Promise((resolve) => {
        child.on('close', (code) => resolve({ code, ...texts, seconds: (performance.now() - began) / 1000 }));
      });
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
