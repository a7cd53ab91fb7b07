/**
 * lavapipe, Mesa's Vulkan driver for the CPU, for tests of the WebGPU engine: Debian packages, fetched by apt-get and unpacked
 * into the cache folder. Nothing on the system changes. VGG_LAVAPIPE=0 does without.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const environment = process.env;

/** After a failure nothing is tried for a day. */
const PATIENCE_MS = 86_400_000;

const DRIVER = 'libvulkan_lvp.so';

/** Packages that a process needs; the rest is for graphics. */
const NEEDED =
  /^(mesa-vulkan-drivers|mesa-libgallium|libvulkan1|libdrm|libllvm|libz3|libelf|libxcb|libx11|libwayland|libedit|libxshm|libdisplay|libudev|libzstd|libxml2)/;

/** Debian 12 has Mesa 22 and takes a newer one from its backports; later releases have one that is new enough. */
function ofSystem() {
  const isBookworm = readFileSync('/etc/os-release', 'utf8').includes('VERSION_CODENAME=bookworm');
  return isBookworm ? { suites: ['bookworm', 'bookworm-backports'], target: ['-t', 'bookworm-backports'] } : {};
}

/** Releases of lavapipe by their folder in the cache. Dawn refuses Mesa older than 25; 26.2 has subgroup matrices. */
const RELEASES = {
  lavapipe: { oldest: [25, 0], unpacked: NEEDED, packages: [], apt: ofSystem },
  // With the C library that it needs, since it is newer than the system's.
  'lavapipe-unstable': {
    oldest: [26, 2],
    unpacked: /./,
    packages: ['libc6', 'libstdc++6'],
    apt: () => ({ suites: ['unstable'], target: [], alone: true }),
  },
};

/** Returns the address of Debian's packages from which this system is installed. */
function mirror() {
  const addresses = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' });
  const found = addresses.split('\n').find((address) => /\/debian\/?$/.test(address));
  if (found === undefined) throw new Error("the sources of apt-get have no mirror of Debian's packages");
  return found;
}

/** Downloads the packages; with those they need that this system lacks, or with all if the release is `alone`. */
function fetchPackages(folder, { suites, target = [], alone = false }, more) {
  const [lists, archives, status] = ['lists', 'archives', 'status'].map((name) => join(folder, name));
  for (const path of [lists, archives]) mkdirSync(join(path, 'partial'), { recursive: true });
  const options = [
    `Dir::State::Lists=${lists}`,
    `Dir::Cache::archives=${archives}`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'Debug::NoLocking=1',
    'Acquire::http::Timeout=20',
    'Acquire::Retries=1',
    'Acquire::Languages=none',
  ];
  if (suites !== undefined) {
    const sources = join(folder, 'sources.list');
    writeFileSync(sources, suites.map((suite) => `deb ${mirror()} ${suite} main\n`).join(''));
    options.push(`Dir::Etc::sourcelist=${sources}`, 'Dir::Etc::sourceparts=-');
  }
  if (alone) {
    writeFileSync(status, '');
    options.push(`Dir::State::status=${status}`);
  }
  if (process.getuid?.() === 0) options.push('APT::Sandbox::User=root');
  const apt = (...args) =>
    execFileSync('apt-get', [...options.flatMap((option) => ['-o', option]), ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 300_000,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
  apt('update');
  const install = ['install', '--reinstall', '--download-only', '-y', '--no-install-recommends', ...target];
  apt(...install, 'mesa-vulkan-drivers', 'libvulkan1', ...more);
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(archives, name));
}

/** Unpacks a release into the folder and returns where its libraries are, relative to it. */
function build(folder, { oldest, unpacked, packages, apt }) {
  const files = fetchPackages(folder, apt(), packages).filter((file) => unpacked.test(basename(file)));
  const mesa = files.map((file) => /mesa-vulkan-drivers_(?:\d+%3a)?(\d+)\.(\d+)/.exec(file)).find(Boolean);
  const [major, minor] = mesa?.slice(1).map(Number) ?? [0, 0];
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    throw new Error(`Mesa ${major}.${minor} of this release is older than ${oldest.join('.')}`);
  const root = join(folder, 'root');
  for (const file of files) execFileSync('dpkg-deb', ['-x', file, root], { stdio: 'ignore' });
  const driver = readdirSync(root, { recursive: true, withFileTypes: true }).find(({ name }) => name === DRIVER);
  if (driver === undefined) throw new Error('the packages hold no lavapipe');
  for (const name of ['archives', 'lists']) rmSync(join(folder, name), { recursive: true });
  return (driver.parentPath ?? driver.path).slice(folder.length + 1);
}

/** Returns the folder of a release's libraries, unpacked now or before, or why there is none. */
function provide(name) {
  if (process.platform !== 'linux') return { reason: 'lavapipe is for Linux' };
  if (environment.VGG_LAVAPIPE === '0') return { reason: 'VGG_LAVAPIPE is 0' };
  const folder = join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vgg', name);
  const [ready, failed] = [join(folder, 'driver.json'), join(folder, 'failed.txt')];
  if (!existsSync(ready)) {
    if (existsSync(failed) && Date.now() - statSync(failed).mtimeMs < PATIENCE_MS) {
      return { reason: readFileSync(failed, 'utf8').trim() };
    }
    const building = `${folder}.${process.pid}`;
    try {
      mkdirSync(building, { recursive: true });
      const library_path = join(folder, build(building, RELEASES[name]), DRIVER);
      const driver = { file_format_version: '1.0.0', ICD: { library_path, api_version: '1.4.0' } };
      writeFileSync(join(building, 'driver.json'), JSON.stringify(driver));
      rmSync(folder, { recursive: true, force: true });
      renameSync(building, folder);
    } catch (error) {
      rmSync(building, { recursive: true, force: true });
      const reason = `${name} cannot be fetched by apt-get (${String(error.stderr || error.message)
        .trim()
        .split('\n')
        .at(-1)})`;
      mkdirSync(folder, { recursive: true });
      writeFileSync(failed, `${reason}\n`);
      return { reason };
    }
  }
  return { ready, libraries: dirname(JSON.parse(readFileSync(ready, 'utf8')).ICD.library_path) };
}

/**
 * Returns what a process needs to find lavapipe in its environment, or why there is none, a clause.
 * @returns {{ environment: Record<string, string> } | { reason: string }}
 */
export function provideLavapipe() {
  const { reason, ready, libraries } = provide('lavapipe');
  if (reason !== undefined) return { reason };
  const others = environment.LD_LIBRARY_PATH ? `:${environment.LD_LIBRARY_PATH}` : '';
  return { environment: { LD_LIBRARY_PATH: `${libraries}${others}`, VK_DRIVER_FILES: ready } };
}

/**
 * Returns the path of a program that is this Node on a lavapipe with subgroup matrices, or why there is none, a clause. That
 * lavapipe's C library is newer than the system's, and only the Node that this program starts has it.
 * @returns {{ program: string } | { reason: string }}
 */
export function provideMatrixLavapipe() {
  const { reason, ready, libraries } = provide('lavapipe-unstable');
  if (reason !== undefined) return { reason };
  const loader = readdirSync(libraries).find((name) => /^ld-linux.*\.so/.test(name));
  if (loader === undefined) return { reason: `there is no program loader in ${libraries}` };
  const program = join(dirname(ready), 'node');
  const variables = `LD_LIBRARY_PATH='${libraries}' VK_DRIVER_FILES='${ready}'`;
  const script = `#!/bin/sh\nexec env ${variables} '${join(libraries, loader)}' '${process.execPath}' "$@"\n`;
  if (!existsSync(program) || readFileSync(program, 'utf8') !== script) {
    const part = `${program}.${process.pid}`;
    writeFileSync(part, script, { mode: 0o755 });
    renameSync(part, program);
  }
  return { program };
}
