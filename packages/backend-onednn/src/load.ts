/** Finds the addon's binary, checks and loads it, and describes in one line why none can be loaded. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VggError } from '@vgg/core';
import type { NativeModule } from './native';

/** Processor features that the addon's own loops need (x86-64-v3). */
const NEEDED_FEATURES = ['avx2', 'fma', 'bmi2', 'f16c'];

const PLATFORM = `${process.platform}-${process.arch}`;

/** Package with the binary for this platform. */
const PLATFORM_PACKAGE = `@vgg/backend-onednn-${PLATFORM}`;

const REMEDY = `install ${PLATFORM_PACKAGE}, or g++ and libdnnl-dev and run scripts/build-native.mjs of @vgg/backend-onednn`;

function missingFeature(): string | undefined {
  if (process.arch !== 'x64' || !existsSync('/proc/cpuinfo')) return undefined;
  const features = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
  return NEEDED_FEATURES.find((feature) => !features.has(feature));
}

/** Error of a place that has no binary. */
class Absent extends Error {}

/** Place where a binary may be. */
interface Place {
  /** Name in messages. */
  name: string;
  /**
   * Returns the folder with onednn.node and onednn.json. Throws an error whose message is a clause if there is none.
   */
  folder: () => string;
}

/**
 * Returns the places to search, in order: only VGG_ONEDNN_BUILD if it is set, else a local build and then the package
 * for this platform.
 */
function places(require: NodeJS.Require): Place[] {
  const custom = process.env.VGG_ONEDNN_BUILD;
  if (custom !== undefined && custom !== '') return [{ name: `VGG_ONEDNN_BUILD=${custom}`, folder: () => custom }];
  const local = fileURLToPath(new URL(`../build/${PLATFORM}`, import.meta.url));
  return [
    { name: local, folder: () => local },
    { name: PLATFORM_PACKAGE, folder: () => platformPackage(require) },
  ];
}

function platformPackage(require: NodeJS.Require): string {
  let manifest: string;
  try {
    manifest = require.resolve(`${PLATFORM_PACKAGE}/package.json`);
  } catch {
    throw new Absent('not installed');
  }
  const version = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8')).version;
  const actual = version(manifest);
  const expected = version(fileURLToPath(new URL('../package.json', import.meta.url)));
  if (actual !== expected) throw new Error(`its version is ${actual}, expected ${expected}`);
  return dirname(manifest);
}

/**
 * Checks every file of a binary, since a truncated library can crash the process in the system's loader, and loads it.
 */
function load(require: NodeJS.Require, folder: string): NativeModule {
  const manifest = join(folder, 'onednn.json');
  if (!existsSync(join(folder, 'onednn.node')) || !existsSync(manifest)) throw new Absent('no binary there');
  const { files } = JSON.parse(readFileSync(manifest, 'utf8')) as { files?: Record<string, string> };
  if (files?.['onednn.node'] === undefined) throw new Error('onednn.json is damaged (no checksum of the addon)');
  for (const [name, expected] of Object.entries(files)) {
    const actual = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    if (actual !== expected) throw new Error(`${name} is damaged (wrong checksum)`);
  }
  return withWaiting(() => require(join(folder, 'onednn.node')) as NativeModule);
}

/**
 * Environment variables that say how OpenMP's threads wait. GCC's runtime reads them once, when it is loaded. Threads spin
 * as long as by its own default. While there are more threads than processors (native/waiting.cc), they sleep at once;
 * by its default they would spin 100 rounds before.
 */
const WAITING: Readonly<Record<string, string>> = { GOMP_SPINCOUNT: '300000', OMP_WAIT_POLICY: 'passive' };

/**
 * Calls `load` with {@link WAITING} in the environment, unless the user has chosen. It has no effect in a worker thread,
 * whose environment is a copy: threads spin 100 rounds there.
 */
function withWaiting<T>(load: () => T): T {
  const names = Object.keys(WAITING);
  if (names.some((name) => process.env[name] !== undefined)) return load();
  Object.assign(process.env, WAITING);
  try {
    return load();
  } finally {
    for (const name of names) delete process.env[name];
  }
}

/**
 * Loads the addon.
 * @throws VggError `VGG_BACKEND`, one line that lists the unusable binaries, if there is no binary for this platform,
 *   it is damaged, or this processor cannot run it.
 */
export function loadNative(): NativeModule {
  const feature = missingFeature();
  if (feature !== undefined) {
    throw new VggError('backend', `the engine onednn needs a processor with ${feature}, which this one lacks`);
  }
  const require = createRequire(import.meta.url);
  const searched = places(require);
  const failures: Error[] = [];
  for (const { folder } of searched) {
    try {
      return load(require, folder());
    } catch (error) {
      failures.push(error as Error);
    }
  }
  // If no binary was ever installed, a list of empty places does not help. VGG_ONEDNN_BUILD is always listed.
  const neverInstalled = searched.length > 1 && failures.every((failure) => failure instanceof Absent);
  const clauses = failures.map(({ message }, i) => `${searched[i]!.name}: ${message.split('\n')[0]}`);
  const tried = neverInstalled ? '' : ` (${clauses.join('; ')})`;
  throw new VggError('backend', `the engine onednn has no binary that runs here${tried}: ${REMEDY}`, {
    cause: failures.at(-1),
  });
}
