/**
 * lavapipe, Mesa's Vulkan driver for the CPU, for tests of the WebGPU engine: Debian packages, fetched by apt-get and unpacked
 * into the cache folder. Nothing on the system changes. VGG_LAVAPIPE=0 does without.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const environment = process.env;

/** Dawn refuses the lavapipe of older releases. */
const OLDEST_MESA = 25;

/** After a failure nothing is tried for a day. */
const PATIENCE_MS = 86_400_000;

/** Files that a process needs; the rest of the packages is for graphics. */
const UNPACKED =
  /^(mesa-vulkan-drivers|mesa-libgallium|libvulkan1|libdrm|libllvm|libz3|libelf|libxcb|libx11|libwayland|libedit|libxshm|libdisplay|libudev|libzstd|libxml2)/;

/** Debian 12 has Mesa 22 and takes a newer one from its backports; later releases have one that is new enough. */
const BOOKWORM = ['bookworm', 'bookworm-backports'].map((suite) => `deb http://deb.debian.org/debian ${suite} main\n`);

function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vgg', 'lavapipe');
}

function fetchPackages(folder) {
  const [lists, archives] = ['lists', 'archives'].map((name) => join(folder, name));
  for (const path of [lists, archives]) mkdirSync(join(path, 'partial'), { recursive: true });
  const options = [
    `Dir::State::Lists=${lists}`,
    `Dir::Cache::archives=${archives}`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'Debug::NoLocking=1',
    'Acquire::http::Timeout=20',
    'Acquire::Retries=1',
  ];
  const target = [];
  if (readFileSync('/etc/os-release', 'utf8').includes('VERSION_CODENAME=bookworm')) {
    const sources = join(folder, 'sources.list');
    writeFileSync(sources, BOOKWORM.join(''));
    options.push(`Dir::Etc::sourcelist=${sources}`, 'Dir::Etc::sourceparts=-');
    target.push('-t', 'bookworm-backports');
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
  apt(...install, 'mesa-vulkan-drivers', 'libvulkan1');
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb') && UNPACKED.test(name))
    .map((name) => join(archives, name));
}

function findFile(folder, name) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).find((entry) => entry.name === name);
}

function build(folder) {
  const packages = fetchPackages(folder);
  const mesa = packages.map((file) => /mesa-vulkan-drivers_(?:\d+%3a)?(\d+)/.exec(file)?.[1]).find(Boolean);
  if (!(Number(mesa) >= OLDEST_MESA))
    throw new Error(`Mesa ${mesa ?? '?'} of this system is older than ${OLDEST_MESA}`);
  const root = join(folder, 'root');
  for (const file of packages) execFileSync('dpkg-deb', ['-x', file, root], { stdio: 'ignore' });
  const driver = findFile(root, 'libvulkan_lvp.so');
  if (driver === undefined) throw new Error('the packages hold no lavapipe');
  rmSync(join(folder, 'archives'), { recursive: true });
  rmSync(join(folder, 'lists'), { recursive: true });
  return driver.parentPath ?? driver.path;
}

/**
 * Returns what a process needs to find lavapipe in its environment, or why there is none, a clause.
 * @returns {{ environment: Record<string, string> } | { reason: string }}
 */
export function provideLavapipe() {
  if (process.platform !== 'linux') return { reason: 'lavapipe is for Linux' };
  if (environment.VGG_LAVAPIPE === '0') return { reason: 'VGG_LAVAPIPE is 0' };
  const folder = cacheFolder();
  const [ready, failed] = [join(folder, 'driver.json'), join(folder, 'failed.txt')];
  if (!existsSync(ready)) {
    if (existsSync(failed) && Date.now() - statSync(failed).mtimeMs < PATIENCE_MS) {
      return { reason: readFileSync(failed, 'utf8').trim() };
    }
    const building = `${folder}.${process.pid}`;
    try {
      mkdirSync(building, { recursive: true });
      const relative = build(building).slice(building.length + 1);
      const library_path = join(folder, relative, 'libvulkan_lvp.so');
      const driver = { file_format_version: '1.0.0', ICD: { library_path, api_version: '1.4.0' } };
      writeFileSync(join(building, 'driver.json'), JSON.stringify(driver));
      rmSync(folder, { recursive: true, force: true });
      renameSync(building, folder);
    } catch (error) {
      rmSync(building, { recursive: true, force: true });
      const reason = `lavapipe cannot be fetched by apt-get (${String(error.stderr || error.message)
        .trim()
        .split('\n')
        .at(-1)})`;
      mkdirSync(folder, { recursive: true });
      writeFileSync(failed, `${reason}\n`);
      return { reason };
    }
  }
  const { library_path } = JSON.parse(readFileSync(ready, 'utf8')).ICD;
  const libraries = library_path.slice(0, library_path.lastIndexOf('/'));
  const others = environment.LD_LIBRARY_PATH ? `:${environment.LD_LIBRARY_PATH}` : '';
  return { environment: { LD_LIBRARY_PATH: `${libraries}${others}`, VK_DRIVER_FILES: ready } };
}
