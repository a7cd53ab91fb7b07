/** The MPI libraries that this machine can build the addon for, found by their compiler wrappers. */
import { spawnSync } from 'node:child_process';

/** CXX names another compiler than g++. */
export const COMPILER = process.env.CXX ?? 'g++';

/** Wrappers to try, by library. MPICC names another one, of either library. */
const WRAPPERS = { openmpi: ['mpicc.openmpi', 'mpicc'], mpich: ['mpicc.mpich', 'mpicc'] };

/** Debian packages that bring Open MPI and its headers. */
export const DEBIAN_PACKAGES = ['g++', 'openmpi-bin', 'libopenmpi-dev'];

/** 'openmpi', 'mpich' or nothing, by what mpi.h defines. */
function libraryOf(flags) {
  const probe = spawnSync(COMPILER, ['-E', '-dM', '-x', 'c++', ...flags.filter((flag) => flag.startsWith('-I')), '-'], {
    input: '#include <mpi.h>\n',
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (probe.status !== 0) return undefined;
  if (/^#define OMPI_MAJOR_VERSION/m.test(probe.stdout)) return 'openmpi';
  return /^#define MPICH_VERSION/m.test(probe.stdout) ? 'mpich' : undefined;
}

/** `[library, flags]` for each MPI found. */
export function probeMpi() {
  const found = [];
  for (const [library, wrappers] of Object.entries(WRAPPERS)) {
    for (const wrapper of [process.env.MPICC ?? [], wrappers].flat()) {
      const shown = spawnSync(wrapper, ['-show'], { encoding: 'utf8' });
      if (shown.status !== 0) continue;
      const flags = shown.stdout.trim().split(/\s+/).slice(1);
      if (libraryOf(flags) !== library) continue;
      found.push([library, flags]);
      break;
    }
  }
  return found;
}
