/** Finds the addon's binary for an MPI library, checks it and loads it. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VggError } from '@vgg/core';
import type { MpiLibrary } from './launcher';
import type { NativeModule } from './native';

const PLATFORM = `${process.platform}-${process.arch}`;

/** What brings each library and its headers. */
const DEBIAN = { openmpi: 'openmpi-bin libopenmpi-dev', mpich: 'mpich libmpich-dev' };
const NAMES = { openmpi: 'Open MPI', mpich: 'MPICH' };

/** VGG_MPI_BUILD names another folder with the binaries. */
function buildFolder(): string {
  return process.env.VGG_MPI_BUILD ?? fileURLToPath(new URL(`../build/${PLATFORM}`, import.meta.url));
}

/** Returns the libraries that there are binaries for. */
export function builtLibraries(): MpiLibrary[] {
  return (['openmpi', 'mpich'] as const).filter((library) => existsSync(join(buildFolder(), `${library}.node`)));
}

/**
 * Loads the addon for the first of the libraries that there is a binary for.
 *
 * @throws VggError `VGG_BACKEND` if there is none, it is damaged or its library is not installed.
 */
export function loadNative(libraries: readonly MpiLibrary[], launcher: string): NativeModule {
  const library = libraries.find((name) => builtLibraries().includes(name));
  if (library === undefined) {
    const [first] = libraries;
    throw new VggError(
      'backend',
      `@vgg/mpi has no binary for ${libraries.map((name) => NAMES[name]).join(' or ')}, which ${launcher} needs: ` +
        `apt-get install g++ ${DEBIAN[first!]} and run scripts/build-native.mjs of @vgg/mpi`,
    );
  }
  const name = `${library}.node`;
  const file = join(buildFolder(), name);
  const { files } = JSON.parse(readFileSync(join(buildFolder(), 'mpi.json'), 'utf8')) as {
    files: Record<string, string>;
  };
  // A truncated library can end the process inside the system's loader.
  if (createHash('sha256').update(readFileSync(file)).digest('hex') !== files[name]) {
    throw new VggError('backend', `${file} is damaged (wrong checksum): run scripts/build-native.mjs of @vgg/mpi`);
  }
  try {
    return createRequire(import.meta.url)(file) as NativeModule;
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    throw new VggError(
      'backend',
      `@vgg/mpi cannot load ${NAMES[library]} (${reason}): apt-get install ${DEBIAN[library].split(' ')[0]}`,
      { cause },
    );
  }
}
