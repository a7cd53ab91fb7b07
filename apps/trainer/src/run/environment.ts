/** What a run was computed with, kept in its record: the programs, the machine, the state of the sources. */
import { execFileSync } from 'node:child_process';
import { cpus, platform, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version_core } from '@tensorflow/tfjs-core';
import { version } from '../../package.json';
import type { Engine, EngineName } from '../engine';

/** Each as a person reads it. */
export interface Environment {
  engine: EngineName;
  /** What the engine computes on. */
  computes: string;
  trainer: string;
  tfjs: string;
  node: string;
  system: string;
  processor: string;
  cores: number;
  /** Of the machine, in GiB. */
  memory: number;
  /** The commit of the trainer's sources, and whether they were changed since; `null` outside of git. */
  git: string | null;
}

function git(folder: string, ...words: string[]): string {
  return execFileSync('git', ['-C', folder, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 5000,
  }).trim();
}

/** The commit that a folder's files are of; `null` where there is no git, or the folder is in no repository of it. */
export function gitState(folder: string): string | null {
  try {
    const commit = git(folder, 'rev-parse', '--short=12', 'HEAD');
    return git(folder, 'status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}, changed`;
  } catch {
    return null;
  }
}

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
