/** Looks for the addon's toolchain: a C++ compiler and oneDNN's headers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Environment: CXX, a compiler instead of g++; ONEDNN_ROOT, a folder with include/ and lib/ of a oneDNN instead of the
 * system's.
 */
export const COMPILER = process.env.CXX ?? 'g++';
export const ONEDNN_ROOT = process.env.ONEDNN_ROOT;

export const ONEDNN_INCLUDE = ONEDNN_ROOT === undefined ? [] : ['-isystem', join(ONEDNN_ROOT, 'include')];

/** Debian packages with both. */
export const DEBIAN_PACKAGES = ['g++', 'libdnnl-dev'];

/** Returns `{ missing }`, a clause that says what is missing, or `{ version }` of oneDNN, for example '2.6'. */
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
