/** The layers of docs/architecture.md: dependencies and imports only point down, and private tools are never shipped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Each package and the workspace packages it may depend on. A package that is not here fails the test. */
const MAY_DEPEND_ON: Record<string, readonly string[]> = {
  '@vgg/core': [],
  '@vgg/backend-onednn': ['@vgg/core'],
  '@vgg/backend-wasm': ['@vgg/core'],
  '@vgg/backend-webgpu': ['@vgg/core'],
  '@vgg/models': ['@vgg/core'],
  '@vgg/optim': ['@vgg/core'],
  '@vgg/data': ['@vgg/core'],
  '@vgg/weights': ['@vgg/core', '@vgg/models'],
  '@vgg/train': ['@vgg/core', '@vgg/models', '@vgg/optim', '@vgg/weights'],
  '@vgg/perceptual': ['@vgg/core', '@vgg/models', '@vgg/weights'],
  '@vgg/eval': ['@vgg/core', '@vgg/models', '@vgg/data'],
  demo: ['@vgg/core', '@vgg/backend-wasm', '@vgg/models', '@vgg/data', '@vgg/weights', '@vgg/eval'],
  trainer: [
    '@vgg/core',
    '@vgg/backend-onednn',
    '@vgg/backend-wasm',
    '@vgg/models',
    '@vgg/optim',
    '@vgg/data',
    '@vgg/weights',
    '@vgg/train',
    '@vgg/eval',
  ],
};

/** Used by tests alone: never a dependency of what is published. */
const TEST_ONLY = ['@vgg/testing'];

/** Private packages that the build inlines: imported by sources where they are devDependencies, never shipped. */
const BUNDLED = ['@vgg/tfjs-gradients'];

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

interface Package {
  folder: string;
  manifest: Manifest;
}

function workspacePackages(): Package[] {
  return ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(ROOT, group))
      .map((name) => join(ROOT, group, name))
      .filter((folder) => existsSync(join(folder, 'package.json')))
      .map((folder) => ({
        folder,
        manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
      })),
  );
}

function sourceFiles(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file))
    .map((file) => join(folder, file));
}

/** After `from`, `import` or `require` at the places where code has them, a quoted name that could be a package's. */
const SPECIFIER = /(?:^|[\s;}*])(?:from|import|import\s*\(|require\s*\()\s*['"]([\w@./:-]+)['"]/gm;

/** The bare package names that a source text imports: statically, dynamically, for types or for side effects. */
function importedPackages(source: string): string[] {
  return [...source.matchAll(SPECIFIER)]
    .map(([, specifier]) => specifier!)
    .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .map((specifier) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}

const packages = workspacePackages();
const ours = new Set([...packages.map(({ manifest }) => manifest.name), ...TEST_ONLY, ...BUNDLED]);

describe.each(packages.map((entry) => [entry.manifest.name, entry] as const))('%s', (name, { folder, manifest }) => {
  const allowed = MAY_DEPEND_ON[name];
  const shipped = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };

  const inlined = BUNDLED.filter((dependency) => dependency in (manifest.devDependencies ?? {}));

  it('has a place in the layers', () => {
    expect(allowed).toBeDefined();
  });

  it('depends only on packages below it', () => {
    expect(Object.keys(shipped).filter((dependency) => ours.has(dependency) && !allowed?.includes(dependency))).toEqual(
      [],
    );
  });

  it('imports only what it declares, in its sources', () => {
    const undeclared = new Set<string>();
    for (const file of sourceFiles(join(folder, 'src'))) {
      for (const imported of importedPackages(readFileSync(file, 'utf8'))) {
        const declared = imported === name || imported in shipped || inlined.includes(imported);
        if (!declared) undeclared.add(`${imported} in ${file.slice(ROOT.length)}`);
      }
    }
    expect([...undeclared]).toEqual([]);
  });
});

describe('the reader of imports', () => {
  it('sees every form of import and skips relative and built-in ones', () => {
    const source = `import a from 'one'; import type { B } from "@two/b/deep"; import 'three'; export * from 'four';
      const x = await import('five'); const y = require('six'); import './near'; import 'node:fs';`;
    expect(importedPackages(source)).toEqual(['one', '@two/b', 'three', 'four', 'five', 'six']);
  });
});
