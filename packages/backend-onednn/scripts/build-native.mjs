/**
 * Builds the addon from native/ with the system's C++ compiler and oneDNN, into build/<platform>-<arch>/.
 *
 *   node scripts/build-native.mjs [--if-possible] [--sanitize[=thread]] [--output=FOLDER]
 *
 * --if-possible  exit with 0 and print in one line what is missing, instead of failing.
 * --sanitize     build with the address and undefined-behaviour sanitizers, into build/<platform>-<arch>-sanitized/; with
 *                `=thread` with the thread sanitizer, into build/<platform>-<arch>-thread-sanitized/.
 * --output       build into another folder; set VGG_ONEDNN_BUILD to it to load the addon from there.
 *
 * Environment: ONEDNN_ROOT, a folder with include/ and lib/ of a oneDNN to use instead of the system's; CXX, a compiler
 * to use instead of g++. Node's headers come from the package node-api-headers, so nothing is downloaded (decision
 * 0061).
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COMPILER, DEBIAN_PACKAGES, ONEDNN_INCLUDE, ONEDNN_ROOT, probeToolchain } from './probe.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const run = promisify(execFile);
/** Sanitizers to build with. */
const sanitizers = process.argv.includes('--sanitize')
  ? 'address,undefined'
  : process.argv.includes('--sanitize=thread')
    ? 'thread'
    : undefined;
const suffix = { 'address,undefined': '-sanitized', thread: '-thread-sanitized' }[sanitizers] ?? '';

const WITHOUT = 'so this engine, which trains several times faster than WASM, was not built';

/** Prints the message and exits, with 0 if --if-possible is set. */
function stop(message) {
  console.log(`@vgg/backend-onednn: ${message}`);
  process.exit(process.argv.includes('--if-possible') ? 0 : 1);
}

/** Our own loops are compiled for x86-64-v3 (AVX2, FMA); oneDNN chooses its code at run time. */
const machine = { x64: ['-march=x86-64-v3'], arm64: [] }[process.arch];
if (process.platform !== 'linux' || machine === undefined) {
  stop(`no native build for ${process.platform}-${process.arch} yet: other engines will be used`);
}

function nodeHeaders() {
  try {
    return [require('node-addon-api').include_dir, require('node-api-headers').include_dir];
  } catch {
    return stop('its build needs two more packages: npm install node-addon-api node-api-headers');
  }
}
const HEADERS = nodeHeaders();

const flags = [
  '-std=c++17',
  '-fPIC',
  '-fopenmp',
  '-Wall',
  '-Wextra',
  '-fvisibility=hidden',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-ffp-contract=off',
  '-DNAPI_VERSION=8',
  '-DNAPI_CPP_EXCEPTIONS',
  // Exceptions cannot be thrown into a worker that is being terminated; they must not end the process.
  '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ...machine,
  ...(sanitizers === undefined
    ? ['-O3', '-DNDEBUG']
    : ['-O1', '-g', `-fsanitize=${sanitizers}`, '-fno-omit-frame-pointer']),
  ...HEADERS.flatMap((folder) => ['-isystem', folder]),
  ...ONEDNN_INCLUDE,
];
/**
 * nodelete: OpenMP's threads outlive a worker that loaded the addon, so the code must stay mapped. --disable-new-dtags:
 * the old kind of search path also applies to libraries that these libraries need. In a platform package, they are in
 * the addon's folder.
 */
const linkFlags = [
  '-shared',
  '-fopenmp',
  '-Wl,-z,nodelete',
  '-Wl,--disable-new-dtags,-rpath,$ORIGIN',
  ...(sanitizers === undefined ? ['-s'] : [`-fsanitize=${sanitizers}`]),
  ...(ONEDNN_ROOT === undefined ? [] : [`-L${join(ONEDNN_ROOT, 'lib')}`, `-Wl,-rpath,${join(ONEDNN_ROOT, 'lib')}`]),
  '-ldnnl',
];

const { missing, version } = probeToolchain();
if (missing !== undefined) {
  stop(`${missing}, ${WITHOUT}: apt-get install ${DEBIAN_PACKAGES.join(' ')}`);
}

function sourcesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(cc|h)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

const files = sourcesIn(join(root, 'native'));
const headers = files.filter((file) => file.endsWith('.h'));
const common = createHash('sha256').update(JSON.stringify([flags, linkFlags, COMPILER, version]));
for (const file of headers) common.update(readFileSync(file));
const commonHash = common.digest('hex');

const outputOption = process.argv.find((argument) => argument.startsWith('--output='));
const output =
  outputOption === undefined
    ? join(root, 'build', `${process.platform}-${process.arch}${suffix}`)
    : resolve(outputOption.slice('--output='.length));
const objects = join(output, 'objects');
mkdirSync(objects, { recursive: true });

/** Compiles one file, unless its object was compiled from the same text by the same command. */
async function compile(file) {
  const name = file.slice(join(root, 'native').length + 1).replaceAll('/', '-');
  const object = join(objects, `${name}.o`);
  const stamp = `${object}.hash`;
  const hash = createHash('sha256').update(commonHash).update(readFileSync(file)).digest('hex');
  if (existsSync(object) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return { object, hash };
  await run(COMPILER, [...flags, '-c', file, '-o', object]);
  writeFileSync(stamp, hash);
  return { object, hash };
}

/** Compiles as many files at once as there are processors. */
async function compileAll(sources) {
  const compiled = [];
  const waiting = sources.entries();
  const worker = async () => {
    for (const [i, file] of waiting) compiled[i] = await compile(file);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return compiled;
}

const target = join(output, 'onednn.node');
const manifest = join(output, 'onednn.json');

/** Returns the hash of the sources of the present binary, or undefined without a binary or a readable manifest. */
function linkedFrom() {
  try {
    return existsSync(target) ? JSON.parse(readFileSync(manifest, 'utf8')).sources : undefined;
  } catch {
    return undefined;
  }
}

try {
  const compiled = await compileAll(files.filter((file) => file.endsWith('.cc')));
  const sources = createHash('sha256')
    .update(JSON.stringify(compiled.map(({ hash }) => hash)))
    .digest('hex');
  if (linkedFrom() !== sources) {
    const partial = `${target}.partial`;
    await run(COMPILER, [...compiled.map(({ object }) => object), ...linkFlags, '-o', partial]);
    const sha256 = createHash('sha256').update(readFileSync(partial)).digest('hex');
    rmSync(manifest, { force: true });
    renameSync(partial, target);
    writeFileSync(manifest, `${JSON.stringify({ oneDnn: version, sources, files: { 'onednn.node': sha256 } })}\n`);
    console.log(`@vgg/backend-onednn: built ${relative(process.cwd(), target)} with oneDNN ${version}`);
  }
} catch (error) {
  console.error(error.stderr ?? error);
  stop('the native engine could not be compiled: see the errors above');
}
