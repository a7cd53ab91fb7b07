/** Environment of a run, kept in its record: programs, machine, state of the sources. */
import { execFileSync } from 'node:child_process';
import { cpus, platform, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version_core } from '@tensorflow/tfjs-core';
import type { Engine, EngineName } from '@vgg/engine';
import { version } from '../../package.json';

/** Environment in words and numbers for people. */
export interface Environment {
  engine: EngineName;
  /** Description of the engine. */
  computes: string;
  trainer: string;
  tfjs: string;
  node: string;
  system: string;
  processor: string;
  cores: number;
  /** Memory of the machine, in GiB. */
  memory: number;
  /** Commit of the trainer's sources, with `, changed` if they differ from it; `null` outside of git. */
  git: string | null;
}

function git(folder: string, ...words: string[]): string {
  return execFileSync('git', ['-C', folder, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 5000,
  }).trim();
}

/** Returns the commit of a folder; `null` without git or outside of a repository. */
export function gitState(folder: string): string | null {
  try {
    const commit = git(folder, 'rev-parse', '--short=12', 'HEAD');
    return git(folder, 'status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}, changed`;
  } catch {
    return null;
  }
}

/** Returns the environment of this process. */
export function environment(engine: Engine): Environment {
  const processors = cpus();
  return {
    engine: engine.name,
    computes: engine.description,
    trainer: version,
    tfjs: version_core,
    node: process.versions.node,
    system: `${platform()} ${release()} ${process.arch}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory: Math.round(totalmem() / 2 ** 30),
    git: gitState(dirname(fileURLToPath(import.meta.url))),
  };
}
