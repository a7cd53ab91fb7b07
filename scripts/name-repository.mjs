/**
 * Writes the repository's address into the manifests and READMEs of all published packages, before a release. The
 * sources do not hold the address, so that a fork or a move changes nothing in them.
 *
 *   node scripts/name-repository.mjs ADDRESS
 *
 * ADDRESS, for example https://git.example/team/vgg, becomes `repository`, `homepage` and `bugs` of each manifest.
 * npm shows a README without its repository, so relative links become links to ADDRESS.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Returns the fields of a manifest that hold the repository's address. `folder` is the package's, from the root. */
export function repositoryFields(address, folder) {
  return {
    repository: { type: 'git', url: `git+${address}.git`, directory: folder },
    homepage: `${address}/tree/main/${folder}#readme`,
    bugs: { url: `${address}/issues` },
  };
}

/** Makes the relative links and images of a Markdown text absolute. `folder` is the text's, from the root. */
export function absoluteLinks(text, address, folder) {
  return text.replace(/(!?)\[([^\]]*)\]\((?![a-z]+:|#|\/)([^)\s]+)\)/g, (_, mark, label, link) => {
    const [path, hash] = link.split('#');
    const target = posix.normalize(posix.join(folder, path)).replace(/\/$/, '');
    const view = mark === '!' ? 'raw' : 'blob';
    return `${mark}[${label}](${address}/${view}/main/${target}${hash === undefined ? '' : `#${hash}`})`;
  });
}

/** Returns the folders of the published packages below `root`, from there. */
function published(root) {
  const inside = (group) => (existsSync(`${root}/${group}`) ? readdirSync(`${root}/${group}`) : []);
  const packages = inside('packages').flatMap((name) => {
    const folder = `packages/${name}`;
    return [folder, ...inside(`${folder}/npm`).map((platform) => `${folder}/npm/${platform}`)];
  });
  return [...packages, ...inside('apps').map((name) => `apps/${name}`)].filter((folder) => {
    const file = `${root}/${folder}/package.json`;
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).private !== true;
  });
}

/** Writes the address into the manifests and READMEs below `root`. Returns the packages' folders. */
export function nameRepository(address, root) {
  const folders = published(root);
  for (const folder of folders) {
    const file = `${root}/${folder}/package.json`;
    const manifest = { ...JSON.parse(readFileSync(file, 'utf8')), ...repositoryFields(address, folder) };
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
    const readme = `${root}/${folder}/README.md`;
    writeFileSync(readme, absoluteLinks(readFileSync(readme, 'utf8'), address, folder));
  }
  return folders;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const address = process.argv[2]?.replace(/\/$/, '').replace(/\.git$/, '');
  if (address === undefined || !/^https:\/\/[^/]+\/.+/.test(address)) {
    console.error(`expected the repository's address, https://HOST/OWNER/NAME, got ${process.argv[2] ?? 'nothing'}`);
    process.exit(2);
  }
  console.log(`${address} is named in ${nameRepository(address, ROOT).length} packages`);
}
