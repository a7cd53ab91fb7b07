/** The repository's address in manifests and READMEs before a release (`scripts/name-repository.mjs`). */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { absoluteLinks, nameRepository } from '../../../scripts/name-repository.mjs';

const ADDRESS = 'https://git.example/team/vgg';
const root = mkdtempSync(join(tmpdir(), 'repository-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function addPackage(folder: string, manifest: object): void {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(root, folder, 'README.md'), 'See [the limits](../../docs/limits.md).');
}

it('names the repository, the folder, the home page and the tracker of every published package', () => {
  addPackage('packages/eval', { name: '@vgg/eval' });
  addPackage('packages/engine/npm/linux', { name: '@vgg/engine-linux' });
  addPackage('packages/engine', { name: '@vgg/engine' });
  addPackage('apps/demo', { name: 'demo', private: true });
  expect(nameRepository(ADDRESS, root)).toEqual(['packages/engine', 'packages/engine/npm/linux', 'packages/eval']);
  expect(JSON.parse(readFileSync(join(root, 'packages/eval/package.json'), 'utf8'))).toEqual({
    name: '@vgg/eval',
    repository: { type: 'git', url: 'git+https://git.example/team/vgg.git', directory: 'packages/eval' },
    homepage: 'https://git.example/team/vgg/tree/main/packages/eval#readme',
    bugs: { url: 'https://git.example/team/vgg/issues' },
  });
  expect(readFileSync(join(root, 'packages/eval/README.md'), 'utf8')).toBe(
    'See [the limits](https://git.example/team/vgg/blob/main/docs/limits.md).',
  );
  expect(readFileSync(join(root, 'apps/demo/package.json'), 'utf8')).not.toContain('repository');
});

it('makes relative links and images absolute, and no others', () => {
  const text = [
    '[a](../data/README.md#sources) ![b](docs/report.png) [c](LICENSE)',
    '[d](https://example.org/x) [e](#part) [f](mailto:a@example.org)',
  ].join('\n');
  expect(absoluteLinks(text, ADDRESS, 'packages/eval')).toBe(
    [
      `[a](${ADDRESS}/blob/main/packages/data/README.md#sources) ![b](${ADDRESS}/raw/main/packages/eval/docs/report.png) [c](${ADDRESS}/blob/main/packages/eval/LICENSE)`,
      '[d](https://example.org/x) [e](#part) [f](mailto:a@example.org)',
    ].join('\n'),
  );
});
