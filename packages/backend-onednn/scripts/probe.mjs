/** What of the addon's toolchain this machine has: a C++ compiler and oneDNN's headers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** CXX names another compiler than g++; ONEDNN_ROOT a folder with include/ and lib/ of another oneDNN than the system's. */
export const COMPILER = process.env.CXX ?? 'g++';
export const ONEDNN_ROOT = process.env.ONEDNN_ROOT;

export const ONEDNN_INCLUDE = ONEDNN_ROOT === undefined ? [] : ['-isystem', join(ONEDNN_ROOT, 'include')];

/** The Debian packages that bring both. */
export const DEBIAN_PACKAGES = ['g++', 'libdnnl-dev'];

/** `{ missing }`, a clause about what is not there, or `{ version }` of oneDNN: '2.6'. */
export function probeToolchain() {
  const probe = spawnSync(COMPILER, ['-std=c++17', '-E', '-P', '-x', 'c++', ...ONEDNN_INCLUDE, '-'], {
    input: '#include <dnnl.hpp>\nvgg_version DNNL_VERSION_MAJOR DNNL_VERSION_MINOR\n',
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (probe.error) return { missing: `no C++ compiler (${COMPILER})` };
  const version = /vgg_version (\d+) (\d+)/.exec(probe.stdout);
  if (probe.status !== 0 || version === null) return { missing: 'oneDNN is not installed' };
  return { version: version.slice(1).join('.') };
}
