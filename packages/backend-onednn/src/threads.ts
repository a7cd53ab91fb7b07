/** How many threads computing takes by default: the physical cores that this process may use. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Where Linux describes the process and its cores; tests give texts of their own. */
export interface SystemFiles {
  read(path: string): string | undefined;
}

const linux: SystemFiles = {
  read: (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined),
};

/** '0-3,8' as [0, 1, 2, 3, 8]. */
export function parseCpuList(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number);
      return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
    });
}

/** The processor time that the control group allows, in cores, or infinity. */
function quota({ read }: SystemFiles): number {
  const [allowed, period] = (read('/sys/fs/cgroup/cpu.max') ?? 'max').split(' ');
  return allowed === 'max' ? Number.POSITIVE_INFINITY : Number(allowed) / Number(period);
}

/** Physical cores among the processors that the process may run on, at least 1, no more than its control group's quota. */
export function physicalCores(files: SystemFiles = linux): number {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(files.read('/proc/self/status') ?? '')?.[1];
  const processors = allowed === undefined ? undefined : parseCpuList(allowed);
  const cores = new Set(
    processors?.map(
      (cpu) => files.read(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`) ?? String(cpu),
    ),
  );
  const count = cores.size > 0 ? cores.size : availableParallelism();
  return Math.max(1, Math.min(count, Math.floor(quota(files))));
}
