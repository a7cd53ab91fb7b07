/** Default number of compute threads: the physical cores that this process may use. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Files in which Linux describes the process and its cores. Tests pass their own. */
export interface SystemFiles {
  read(path: string): string | undefined;
}

const linux: SystemFiles = {
  read: (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined),
};

/** Parses a list of processors: '0-3,8' gives [0, 1, 2, 3, 8]. */
export function parseCpuList(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number);
      return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
    });
}

/** Returns a control group and its ancestors, all of which limit it: '/a/b' gives ['/a/b', '/a', '']. */
function lineage(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return Array.from({ length: parts.length + 1 }, (_, i) =>
    parts
      .slice(0, parts.length - i)
      .map((part) => `/${part}`)
      .join(''),
  );
}

/** Returns quota / period in cores, or infinity if there is no quota. */
function cores(quota: string | undefined, period: string | undefined): number {
  const value = Number(quota) / Number(period);
  return value > 0 ? value : Number.POSITIVE_INFINITY;
}

/**
 * Returns the processor time that the process's control group allows, in cores, or infinity. /proc/self/cgroup has
 * '0::/path' in version 2 and 'number:cpu,cpuacct:/path' in version 1. In a container that path may be the host's; then
 * only the root group exists.
 */
function quota({ read }: SystemFiles): number {
  const limits = [Number.POSITIVE_INFINITY];
  for (const line of (read('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== '' && !controllers.split(',').includes('cpu')) continue;
    for (const group of lineage(path)) {
      if (controllers === '') {
        const [allowed, period] = (read(`/sys/fs/cgroup${group}/cpu.max`) ?? 'max').split(' ');
        limits.push(cores(allowed, period));
      } else {
        const folder = `/sys/fs/cgroup/${controllers}${group}`;
        limits.push(cores(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)));
      }
    }
  }
  return limits.reduce((least, limit) => Math.min(least, limit), Number.POSITIVE_INFINITY);
}

/** Returns the number of physical cores that the process may use, at least 1 and at most its control group's quota. */
export function physicalCores(files: SystemFiles = linux): number {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(files.read('/proc/self/status') ?? '')?.[1];
  const processors = allowed === undefined ? undefined : parseCpuList(allowed);
  const siblings = new Set(
    processors?.map(
      (cpu) => files.read(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`) ?? String(cpu),
    ),
  );
  const count = siblings.size > 0 ? siblings.size : availableParallelism();
  return Math.max(1, Math.min(count, Math.floor(quota(files))));
}
