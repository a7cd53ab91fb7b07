/** What started this process: every launcher of MPI sets variables of its own. */

export type MpiLibrary = 'openmpi' | 'mpich';

export interface Launcher {
  /** Name for people. */
  name: string;
  /** Number of processes that it has started, if it says so. */
  size: number | undefined;
  /** The libraries whose processes can find each other under it, the likeliest first. */
  libraries: readonly MpiLibrary[];
}

function count(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : undefined;
}

/**
 * Returns the launcher of this process, or `undefined` where it was started alone.
 *
 * @param environment Default `process.env`.
 */
export function findLauncher(environment: NodeJS.ProcessEnv = process.env): Launcher | undefined {
  const { OMPI_COMM_WORLD_SIZE, PMI_SIZE, PMIX_RANK, PMI_RANK, SLURM_STEP_NUM_TASKS, SLURM_PROCID } = environment;
  if (OMPI_COMM_WORLD_SIZE !== undefined) {
    return { name: "Open MPI's mpirun", size: count(OMPI_COMM_WORLD_SIZE), libraries: ['openmpi'] };
  }
  if (PMI_RANK !== undefined && SLURM_PROCID === undefined) {
    return { name: "MPICH's mpirun", size: count(PMI_SIZE), libraries: ['mpich'] };
  }
  if (SLURM_PROCID !== undefined && SLURM_STEP_NUM_TASKS !== undefined) {
    const libraries: MpiLibrary[] = PMIX_RANK === undefined ? ['mpich', 'openmpi'] : ['openmpi', 'mpich'];
    return { name: "Slurm's srun", size: count(SLURM_STEP_NUM_TASKS), libraries };
  }
  if (PMIX_RANK !== undefined) return { name: 'PMIx', size: undefined, libraries: ['openmpi', 'mpich'] };
  return undefined;
}
