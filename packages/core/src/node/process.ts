/** Processes of this machine. */
import { readFileSync } from 'node:fs';
import { systemCode } from './system';

/** Returns the fields of /proc/PID/stat from the third one, the state; none where the system does not say (only Linux does). */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in brackets, may hold any character.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/**
 * True if this machine has a process with this id, of any user, that has not ended. One that has ended keeps its id until its parent
 * asks for its exit code, which some never do.
 */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCode(error) !== 'EPERM') return false;
  }
  return !['Z', 'X'].includes(statFields(pid)[0] ?? '');
}

/**
 * Returns when a process started, as text that differs for two processes which have had the same id; `null` where the
 * system does not say (only Linux does).
 */
export function processStart(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const ticks = statFields(pid)[19];
    return ticks === undefined ? null : `${boot} ${ticks}`;
  } catch {
    return null;
  }
}
