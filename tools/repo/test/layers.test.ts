/**
 * The layers of docs/architecture.md: its diagram is the manifests', dependencies and imports only point down it, nothing is
 * declared that nothing uses, and private tools are never shipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { below, edges, type Graph, readDiagram, reduced } from '../src/diagram';
import { ROOT } from '../src/files';
import { importedPackages, sourceFiles, unnamed, workspacePackages } from '../src/packages';
import { splitComments } from '../src/references';

/** Used by tests alone, their setup in `vitest.base.ts` included: never a dependency of what is published. */
const TEST_ONLY = ['@vgg/testing'];

/** Packages that a build inlines: imported by sources, listed as devDependencies. */
const BUNDLED = ['@vgg/tfjs-gradients', '@vgg/data', 'uplot'];

/** Binaries of the native engine. They are found by a computed name. */
const BINARIES = /^@vgg\/backend-onednn-\w+-\w+$/;

/** Reads the TypeScript configurations of a package: one of them names AssemblyScript. */
function configurations(folder: string): string[] {
  return ['tsconfig.json', 'assembly/tsconfig.json']
    .map((file) => join(folder, file))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'));
}

const packages = workspacePackages();
const names = new Set(packages.map(({ manifest }) => manifest.name));
const ours = new Set([...names, ...TEST_ONLY, ...BUNDLED]);
const diagram = readDiagram(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8'));
const manifests: Graph = new Map(
  packages.map(({ manifest: { name, dependencies } }) => [
    name,
    new Set(Object.keys(dependencies ?? {}).filter((dependency) => names.has(dependency))),
  ]),
);

describe('the diagram of docs/architecture.md', () => {
  it('has every package and application, and no others', () => {
    expect([...diagram.keys()].sort()).toEqual([...names].sort());
  });

  it('has no circle', () => {
    expect([...diagram.keys()].filter((name) => below(diagram, name).has(name))).toEqual([]);
  });

  it('is the transitive reduction of the runtime dependencies: an arrow that others imply is left out', () => {
    expect(edges(diagram)).toEqual(edges(reduced(manifests)));
  });
});

describe.each(packages.map((entry) => [entry.manifest.name, entry] as const))('%s', (name, { folder, manifest }) => {
  const shipped = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
  const development = Object.keys(manifest.devDependencies ?? {});
  const inlined = BUNDLED.filter((dependency) => development.includes(dependency));
  /** Peers of the workspace packages that this one uses: installed for them, without an import here. */
  const peers = packages
    .filter((entry) => entry.manifest.name in { ...shipped, ...manifest.devDependencies })
    .flatMap((entry) => Object.keys(entry.manifest.peerDependencies ?? {}));
  const read = (files: readonly string[]) =>
    files.map((path) => splitComments({ path, text: readFileSync(path, 'utf8') }).code);

  it('depends only on packages below it', () => {
    const allowed = below(diagram, name);
    const own = Object.keys(shipped).filter((dependency) => ours.has(dependency));
    expect(own.filter((dependency) => !allowed.has(dependency))).toEqual([]);
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

  it('declares for its users only what its sources import', () => {
    const declared = Object.keys(shipped).filter((key) => !BINARIES.test(key) && !peers.includes(key));
    expect(unnamed(declared, read(sourceFiles(join(folder, 'src'))))).toEqual([]);
  });

  it('declares for development only what its tests, scripts and configuration use', () => {
    const implied = [...peers, ...TEST_ONLY];
    const declared = development.filter((key) => !key.startsWith('@types/') && !implied.includes(key));
    const scripts = JSON.stringify(manifest.scripts ?? {}).replaceAll(/[\w@/.-]+/g, '"$&"');
    const shared = ['vitest.base.ts', 'tsup.base.ts'].map((file) => join(ROOT, file));
    expect(
      unnamed(declared, [...read([...sourceFiles(folder), ...shared]), ...configurations(folder), scripts]),
    ).toEqual([]);
  });
});

describe('the check itself', () => {
  it('sees every form of import and skips relative and built-in ones', () => {
    const source = `import a from 'one'; import type { B } from "@two/b/deep"; import 'three'; export * from 'four';
      const x = await import('five'); const y = require('six'); import './near'; import 'node:fs';`;
    expect(importedPackages(source)).toEqual(['one', '@two/b', 'three', 'four', 'five', 'six']);
  });

  it('finds a planted dependency that nothing imports', () => {
    const texts = ["import '@vgg/core';", 'const file = require.resolve("tar/package.json"); // models'];
    expect(unnamed(['@vgg/core', '@vgg/models', 'tar', 'ta'], texts)).toEqual(['@vgg/models', 'ta']);
  });

  const planted =
    '```mermaid\nflowchart TD\n  a["apps/a<br/>top"]\n  b["@x/b"]\n  c["@x/c"]\n  a --> b & c\n  b --> c\n```\n';

  it('reads a diagram and leaves out the arrows that others imply', () => {
    const graph = readDiagram(planted);
    expect(edges(graph)).toEqual(['@x/b -> @x/c', 'a -> @x/b', 'a -> @x/c']);
    expect(edges(reduced(graph))).toEqual(['@x/b -> @x/c', 'a -> @x/b']);
  });

  it('finds a planted circle and a planted arrow to nothing', () => {
    expect(below(readDiagram(planted.replace('b --> c', 'b --> a')), 'a').has('a')).toBe(true);
    expect(edges(readDiagram(planted.replace('b --> c', 'b --> d')))).toContain('@x/b -> no node d');
  });
});
