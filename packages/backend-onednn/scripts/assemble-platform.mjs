/**
 * Assembles npm/<platform>-<arch>/, the package with the binary for this platform, from a local build: the addon, the
 * libraries that it links and that not every system has, their licences, and checksums. Needs Debian or Ubuntu, whose
 * package database has the licences.
 *
 *   node scripts/assemble-platform.mjs [--check]
 *
 * --check  assemble nothing, but fail unless every file is there and unchanged. Runs before the package is packed.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const platform = `${process.platform}-${process.arch}`;
const build = join(root, 'build', platform);
const output = join(root, 'npm', platform);
const manifest = join(output, 'onednn.json');

/** Libraries of glibc and the loader, and those that Node needs anyway (libstdc++ and libgcc_s). */
const SYSTEM = /^(?:linux-vdso|ld-linux.*|lib(?:c|m|dl|rt|pthread|stdc\+\+|gcc_s))\.so\b/;

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function check() {
  if (!existsSync(manifest))
    fail(`${output} holds no binary: run scripts/assemble-platform.mjs of @vgg/backend-onednn`);
  for (const [name, expected] of Object.entries(JSON.parse(readFileSync(manifest, 'utf8')).files)) {
    const file = join(output, name);
    if (!existsSync(file) || sha256(file) !== expected)
      fail(`${file} is missing or changed: assemble the package again`);
  }
  if (!existsSync(join(output, 'licences', 'Apache-2.0.txt'))) fail(`${output} lacks its licences: assemble it again`);
}

/** Returns the libraries that the addon links, directly or through another library, as [name, file]. */
function bundledLibraries() {
  const listing = execFileSync('ldd', [join(build, 'onednn.node')], { encoding: 'utf8' });
  const lines = listing.split('\n').map((line) => line.trim().split(/\s+/));
  const missing = lines.find((words) => words.includes('not'));
  if (missing !== undefined) fail(`${missing[0]}, which the addon links, is not installed`);
  return lines
    .filter(([name, arrow]) => arrow === '=>' && !SYSTEM.test(name))
    .map(([name, , file]) => [name, realpathSync(file)]);
}

/** Copies the licence of a library's Debian package, and the common licences that it refers to. */
function copyLicence(file) {
  const [owner] = execFileSync('dpkg', ['-S', file], { encoding: 'utf8' }).split(':');
  const copyright = readFileSync(`/usr/share/doc/${owner}/copyright`, 'utf8');
  writeFileSync(join(output, 'licences', `${owner}.txt`), copyright);
  for (const [, name] of copyright.matchAll(/\/usr\/share\/common-licenses\/([\w.-]*\w)/g)) {
    copyFileSync(`/usr/share/common-licenses/${name}`, join(output, 'licences', `${name}.txt`));
  }
}

function assemble() {
  if (!existsSync(join(output, 'package.json'))) fail(`there is no package for ${platform} in npm/`);
  if (!existsSync(join(build, 'onednn.node'))) fail(`${build} holds no addon: run scripts/build-native.mjs first`);
  for (const name of readdirSync(output).filter((entry) => /^onednn\.|\.so\.|^licences$/.test(entry))) {
    rmSync(join(output, name), { recursive: true });
  }
  mkdirSync(join(output, 'licences'));
  const contents = [['onednn.node', join(build, 'onednn.node')], ...bundledLibraries()];
  for (const [name, file] of contents) copyFileSync(file, join(output, name));
  for (const [, file] of contents.slice(1)) copyLicence(file);
  const { oneDnn } = JSON.parse(readFileSync(join(build, 'onednn.json'), 'utf8'));
  const files = Object.fromEntries(contents.map(([name]) => [name, sha256(join(output, name))]));
  writeFileSync(manifest, `${JSON.stringify({ oneDnn, files }, null, 2)}\n`);
  console.log(`${output}: ${contents.map(([name]) => basename(name)).join(', ')}`);
}

if (!process.argv.includes('--check')) assemble();
check();
