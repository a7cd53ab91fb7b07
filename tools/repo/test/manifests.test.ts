/** Rules for the manifests of the published packages: one licence, both module systems, types first, nothing missing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Fields that are the same in every manifest. npm adds `README.md`, and pnpm the root's `LICENSE`, to each tarball. */
const SHARED = {
  license: 'Apache-2.0',
  author: 'The authors of VGG for TypeScript',
  type: 'module',
  engines: { node: '>=20.19' },
  main: './dist/index.cjs',
  module: './dist/index.js',
  types: './dist/index.d.cts',
  publishConfig: { access: 'public', provenance: true },
};

interface Manifest {
  name: string;
  version: string;
  description?: string;
  keywords?: string[];
  private?: boolean;
  sideEffects?: boolean | string[];
  files: string[];
  exports: Record<string, unknown>;
  typesVersions?: unknown;
  scripts?: Record<string, string>;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** Returns the `exports` of one entry: the sources for this repository, then each module system, types first. */
function conditions(entry: string) {
  return {
    '@vgg/source': `./src/${entry}.ts`,
    import: { types: `./dist/${entry}.d.ts`, default: `./dist/${entry}.js` },
    require: { types: `./dist/${entry}.d.cts`, default: `./dist/${entry}.cjs` },
  };
}

/** Removes the sources: `@vgg/backend-wasm` resolves to its build (docs/decisions/0021). */
function withoutSource({ import: esm, require: cjs }: ReturnType<typeof conditions>) {
  return { import: esm, require: cjs };
}

/** Returns the packages that a waiting changeset names. */
function announced(): Set<string> {
  const folder = join(ROOT, '.changeset');
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/^['"](@vgg\/[\w-]+)['"]:/gm)]);
  return new Set(names.map(([, name]) => name!));
}

function importsTfjs(folder: string): boolean {
  return (readdirSync(join(folder, 'src'), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts'))
    .some((file) => /from '@tensorflow\/tfjs-core['/]/.test(readFileSync(join(folder, 'src', file), 'utf8')));
}

/** Returns the published packages in a folder. */
function packagesIn(group: string) {
  return readdirSync(join(ROOT, group))
    .map((name) => join(ROOT, group, name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => {
      const text = readFileSync(join(folder, 'package.json'), 'utf8');
      return { folder, text, manifest: JSON.parse(text) as Manifest };
    })
    .filter(({ manifest }) => !manifest.private);
}

const packages = packagesIn('packages');

/** Scripts that npm runs at an install. */
const AT_INSTALL = ['preinstall', 'install', 'postinstall', 'prepare'];

describe.each(packages.map((entry) => [entry.manifest.name, entry] as const))('%s', (name, { folder, manifest }) => {
  const entries = Object.keys(manifest.exports).filter((path) => path !== './package.json');

  it('shares licence, engines, module type, entry and access with all others', () => {
    expect(manifest).toMatchObject(SHARED);
    expect(manifest.description).toMatch(/\w/);
    expect(manifest.keywords).toContain('vgg');
  });

  it('declares the effects of its import', () => {
    expect(manifest.sideEffects).toBeDefined();
  });

  it('exports types first, for import and for require, and sources that exist', () => {
    expect(entries).toContain('.');
    for (const path of entries) {
      const entry = path === '.' ? 'index' : path.slice(2);
      const all = conditions(entry);
      const expected = name === '@vgg/backend-wasm' ? withoutSource(all) : all;
      // As text: the order of conditions is what decides.
      expect(JSON.stringify(manifest.exports[path])).toBe(JSON.stringify(expected));
      expect(existsSync(join(folder, 'src', `${entry}.ts`))).toBe(true);
    }
    expect(manifest.exports['./package.json']).toBe('./package.json');
  });

  it('has types of deeper entries for resolvers that do not read exports', () => {
    const deeper = entries.filter((path) => path !== '.').map((path) => path.slice(2));
    const map = Object.fromEntries(deeper.map((entry) => [entry, [`./dist/${entry}.d.cts`]]));
    expect(manifest.typesVersions).toEqual(deeper.length > 0 ? { '*': map } : undefined);
  });

  it('ships its build, its sources and its changelog', () => {
    expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'src', 'CHANGELOG.md']));
  });

  it('ships no source twice, and no docstring that names a file of the repository', () => {
    const built = (ending: RegExp) =>
      readdirSync(join(folder, 'dist'))
        .filter((file) => ending.test(file))
        .map((file) => ({ file, text: readFileSync(join(folder, 'dist', file), 'utf8') }));
    const types = built(/\.d\.c?ts$/);
    const maps = built(/\.c?js\.map$/);
    expect(types.length * maps.length).toBeGreaterThan(0);
    expect(maps.filter(({ text }) => 'sourcesContent' in JSON.parse(text)).map(({ file }) => file)).toEqual([]);
    expect(types.filter(({ text }) => text.includes('docs/')).map(({ file }) => file)).toEqual([]);
  });

  it('has a README and a changeset or a changelog', () => {
    expect(existsSync(join(folder, 'README.md'))).toBe(true);
    expect(announced().has(name) || existsSync(join(folder, 'CHANGELOG.md'))).toBe(true);
  });

  it('depends on other packages by workspace:^, so that a release depends on compatible ones', () => {
    const neighbours = Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies }).filter(
      ([dependency]) => dependency.startsWith('@vgg/'),
    );
    expect(neighbours.filter(([, range]) => range !== 'workspace:^')).toEqual([]);
  });

  it('runs nothing at install', () => {
    expect(AT_INSTALL.filter((script) => script in (manifest.scripts ?? {}))).toEqual([]);
  });

  it('has TF.js as a peer if it imports it, and never as a dependency', () => {
    expect(Object.keys(manifest.dependencies ?? {}).filter((key) => key.startsWith('@tensorflow/'))).toEqual([]);
    expect(manifest.peerDependencies?.['@tensorflow/tfjs-core']).toBe(importsTfjs(folder) ? '^4.22.0' : undefined);
  });
});

const ONEDNN = 'packages/backend-onednn';
const onednn = packages.find(({ folder }) => folder.endsWith('backend-onednn'))!.manifest;
const platforms = packagesIn(`${ONEDNN}/npm`);

describe('the binaries of @vgg/backend-onednn', () => {
  it('are its optional dependencies, of exactly its version', () => {
    const ranges = Object.fromEntries(platforms.map(({ manifest }) => [manifest.name, 'workspace:*']));
    expect(platforms.length).toBeGreaterThan(0);
    expect(onednn.optionalDependencies).toEqual(ranges);
  });

  it.each(platforms.map((entry) => [entry.manifest.name, entry] as const))('%s', (name, { folder, manifest }) => {
    const [system, processor] = folder.split('/').at(-1)!.split('-');
    expect(name).toBe(`@vgg/backend-onednn-${system}-${processor}`);
    expect(manifest).toMatchObject({
      version: onednn.version,
      os: [system],
      cpu: [processor],
      libc: ['glibc'],
      engines: SHARED.engines,
      publishConfig: SHARED.publishConfig,
      type: 'commonjs',
      author: SHARED.author,
    });
    expect(manifest.files).toEqual([
      'onednn.node',
      'onednn.json',
      'lib*.so.*',
      'licences',
      'NOTICES.md',
      'CHANGELOG.md',
    ]);
    expect(manifest.dependencies).toBeUndefined();
    expect(AT_INSTALL.filter((script) => script in (manifest.scripts ?? {}))).toEqual([]);
    // Packed without its binary it would install everywhere and work nowhere.
    expect(manifest.scripts?.prepack).toContain('assemble-platform.mjs --check');
    expect(existsSync(join(folder, 'README.md')) && existsSync(join(folder, 'NOTICES.md'))).toBe(true);
    expect(announced().has(name) || existsSync(join(folder, 'CHANGELOG.md'))).toBe(true);
  });
});
