/**
 * Builds the addon from native/ with the system's C++ compiler, once for each MPI that is installed, into
 * build/<platform>-<arch>/: openmpi.node, mpich.node and mpi.json with their checksums. MPI itself is never part of it: it
 * must be the one of the launcher.
 *
 *   node scripts/build-native.mjs [--if-possible]
 *
 * --if-possible  says in one line what is missing instead of failing.
 *
 * CXX names another compiler than g++, MPICC another wrapper than mpicc.openmpi, mpicc.mpich and mpicc. Node's headers come
 * from the package node-api-headers, so nothing is fetched (decision 0061).
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILER, DEBIAN_PACKAGES, probeMpi } from './probe.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

function give(message) {
  console.log(`@vgg/mpi: ${message}`);
  process.exit(process.argv.includes('--if-possible') ? 0 : 1);
}

function nodeHeaders() {
  try {
    return [require('node-addon-api').include_dir, require('node-api-headers').include_dir];
  } catch {
    return give('its build needs two more packages: npm install node-addon-api node-api-headers');
  }
}

const FLAGS = [
  '-std=c++17',
  '-fPIC',
  '-O3',
  '-DNDEBUG',
  '-Wall',
  '-Wextra',
  '-fvisibility=hidden',
  '-ffp-contract=off',
  // The C++ bindings of old MPIs are not linked.
  '-DOMPI_SKIP_MPICXX=1',
  '-DMPICH_SKIP_MPICXX=1',
  '-DNAPI_VERSION=8',
  '-DNAPI_CPP_EXCEPTIONS',
  ...nodeHeaders().flatMap((folder) => ['-isystem', folder]),
];
/** nodelete: the thread that makes the MPI calls outlives what loaded the addon. */
const LINK_FLAGS = ['-shared', '-s', '-pthread', '-Wl,-z,nodelete'];

if (process.platform !== 'linux') give(`no native build for ${process.platform} yet: one process can train there`);
const libraries = probeMpi();
if (libraries.length === 0) {
  give(
    `no MPI is installed, so runs on several processes are not possible: apt-get install ${DEBIAN_PACKAGES.join(' ')}`,
  );
}

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');
const folder = join(root, 'native');
const files = readdirSync(folder).sort();
const texts = files.map((name) => readFileSync(join(folder, name)));
const sources = files.filter((name) => name.endsWith('.cc')).map((name) => join(folder, name));
const output = join(root, 'build', `${process.platform}-${process.arch}`);
const manifest = join(output, 'mpi.json');
mkdirSync(output, { recursive: true });

function readManifest() {
  try {
    return JSON.parse(readFileSync(manifest, 'utf8'));
  } catch {
    return { sources: {}, files: {} };
  }
}

const built = readManifest();
for (const [library, mpiFlags] of libraries) {
  const name = `${library}.node`;
  const command = [...FLAGS, ...mpiFlags.map((flag) => flag.replace(/^-I/, '-isystem')), ...LINK_FLAGS];
  const key = sha256(COMPILER, JSON.stringify(command), ...texts);
  const target = join(output, name);
  if (existsSync(target) && built.sources[name] === key) continue;
  const partial = `${target}.partial`;
  // Libraries come after what needs them.
  const compiled = spawnSync(COMPILER, [...sources, '-o', partial, ...command], { encoding: 'utf8' });
  if (compiled.status !== 0) {
    console.error(compiled.stderr);
    give(`the addon for ${library} could not be compiled: see the errors above`);
  }
  built.sources[name] = key;
  built.files[name] = sha256(readFileSync(partial));
  renameSync(partial, target);
  writeFileSync(manifest, `${JSON.stringify(built, null, 2)}\n`);
  console.log(`@vgg/mpi: built ${relative(process.cwd(), target)}`);
}
