/** The addon of native/: where its binary is found, and the types of what it exports (native/addon.cc). */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VggError } from '@vgg/core';

/** Element types by the numbers of native/tensor.h. */
export const TYPES = { float32: 0, int32: 1, bool: 2 } as const;
export type NativeType = keyof typeof TYPES;

export interface NativeOptions {
  threads: number;
  memoryLimit: number;
  cacheLimit: number;
  poison: boolean;
  synchronous: boolean;
  bf16: boolean;
}

export interface NativeStatistics {
  /** Bytes and number of the buffers that tensors hold. */
  bytesInUse: number;
  buffersInUse: number;
  /** Bytes kept for reuse. */
  bytesHeld: number;
  cachedPrimitives: number;
  /** Operations that wait for the compute thread. */
  queued: number;
}

export interface NativeEnvironment {
  /** Where an operation is written before `submit`. */
  readonly commands: Float64Array;
  submit(length: number): void;
  upload(id: number, type: number, values: ArrayBufferView): void;
  release(id: number): void;
  readSync(id: number): ArrayBuffer;
  read(id: number): Promise<ArrayBuffer>;
  drain(): void;
  trim(): void;
  statistics(): NativeStatistics;
  close(): void;
}

export interface NativeModule {
  Environment: new (options: NativeOptions) => NativeEnvironment;
  /** Names of the kernels; their places are their numbers. */
  kernels: readonly string[];
  /** Of oneDNN: '2.6.3'. */
  version: string;
  /** Whether oneDNN has instructions for bfloat16 on this processor, and whether these are AMX's tiles. */
  bf16: boolean;
  amx: boolean;
}

/** Processor features that the addon's own loops are compiled for (x86-64-v3). */
const NEEDED_FEATURES = ['avx2', 'fma', 'bmi2', 'f16c'];

const REMEDY = 'install g++ and libdnnl-dev, then run scripts/build-native.mjs of this package';

function missingFeature(): string | undefined {
  if (process.arch !== 'x64' || !existsSync('/proc/cpuinfo')) return undefined;
  const features = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
  return NEEDED_FEATURES.find((feature) => !features.has(feature));
}

/** A folder with onednn.node and onednn.json: a build of this package, or the package of this platform. */
function binaryFolder(require: NodeJS.Require): string {
  const platform = `${process.platform}-${process.arch}`;
  const given = process.env.VGG_ONEDNN_BUILD;
  if (given !== undefined) return given;
  const local = fileURLToPath(new URL(`../build/${platform}`, import.meta.url));
  if (existsSync(join(local, 'onednn.node'))) return local;
  try {
    return join(require.resolve(`@vgg/backend-onednn-${platform}/package.json`), '..');
  } catch (cause) {
    throw new VggError('backend', `the engine onednn has no binary for ${platform} here: ${REMEDY}`, { cause });
  }
}

/**
 * Loads the addon.
 * @throws VggError `VGG_BACKEND` when there is none for this platform, it is damaged, or this processor cannot run it.
 */
export function loadNative(): NativeModule {
  const require = createRequire(import.meta.url);
  const file = join(binaryFolder(require), 'onednn.node');
  const feature = missingFeature();
  if (feature !== undefined) {
    throw new VggError('backend', `the engine onednn needs a processor with ${feature}, which this one lacks`);
  }
  // A truncated library can end the process inside the system's loader, so its checksum comes first.
  let expected: unknown;
  let actual: string;
  try {
    expected = JSON.parse(readFileSync(file.replace(/node$/, 'json'), 'utf8')).sha256;
    actual = createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch (cause) {
    throw new VggError('backend', `the engine onednn cannot read its binary ${file}: ${REMEDY}`, { cause });
  }
  if (expected !== actual) {
    throw new VggError('backend', `the engine onednn's binary ${file} is damaged (wrong checksum): ${REMEDY}`);
  }
  try {
    return require(file) as NativeModule;
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0];
    throw new VggError('backend', `the engine onednn's binary cannot be loaded (${reason}): ${REMEDY}`, { cause });
  }
}
