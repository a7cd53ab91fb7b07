/**
 * The addon's binary: the places that are searched, and the message if it is missing, damaged or for another machine.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BUILD_FOLDER, isBuilt, reason } from './native-build';
import { bundlePackage, type Program, VERSION } from './program';

const PLATFORM = `${process.platform}-${process.arch}`;
const REMEDY = `: install @vgg/backend-onednn-${PLATFORM}, or g++ and libdnnl-dev and run scripts/build-native.mjs of @vgg/backend-onednn`;

let program: Program;
beforeAll(async () => {
  program = await bundlePackage();
});
afterEach(() => {
  for (const name of ['build', 'given', 'node_modules']) {
    rmSync(join(program.folder, name), { recursive: true, force: true });
  }
});
afterAll(() => program.dispose());

/** Imports the package, then computes on TF.js's own backend, whether the import worked or not. */
const TRY = `
  try { const { oneDnnVersion } = await import('./dist/onednn.mjs'); console.log(JSON.stringify({ oneDnnVersion })); }
  catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })); }
  const tf = await import('@tensorflow/tfjs-core');
  tf.env().set('PROD', true);
  await import('@tensorflow/tfjs-backend-cpu');
  console.log((await tf.setBackend('cpu')) && tf.add(1, 2).dataSync()[0]);`;

function attempt(environment: Record<string, string>): { code?: string; message?: string; oneDnnVersion?: string } {
  const { stdout, stderr } = program.run(TRY, environment);
  expect(stderr).toBe('');
  const [first, second] = stdout.split('\n');
  expect(second).toBe('3');
  return JSON.parse(first!);
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Creates a folder with an addon of these bytes. Its manifest has the checksum of `declared`. */
function place(folder: string, binary: string | Buffer, declared: string | Buffer = binary): string {
  const path = join(program.folder, folder);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'onednn.node'), binary);
  writeFileSync(join(path, 'onednn.json'), JSON.stringify({ files: { 'onednn.node': sha256(declared) } }));
  return path;
}

function installPlatformPackage(version: string): string {
  const folder = join(program.folder, 'node_modules', '@vgg', `backend-onednn-${PLATFORM}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ version }));
  return folder;
}

/** The real addon, or other bytes if it was not built. */
const ADDON = isBuilt ? readFileSync(join(BUILD_FOLDER, 'onednn.node')) : Buffer.alloc(64, '\u007fELF');

/** The same library for another processor: byte 18 is the machine's number. */
const FOREIGN = Buffer.from(ADDON).fill(0xb7, 18, 19);

describe('a binary that cannot be used', () => {
  it.each([
    ['empty', '', '', /file too short/],
    ['a text file', 'hello', 'hello', /invalid ELF header|file too short/],
    ['cut short', ADDON.subarray(0, ADDON.length >> 1), ADDON, /^onednn\.node is damaged \(wrong checksum\)$/],
    [
      'changed by one bit',
      Buffer.from(ADDON).fill(ADDON.at(-1)! ^ 1, ADDON.length - 1),
      ADDON,
      /^onednn\.node is damaged/,
    ],
  ])('is %s: one line says so, and another engine works', (_, binary, declared, why) => {
    const folder = place('given', binary, declared);
    const { code, message = '' } = attempt({ VGG_ONEDNN_BUILD: folder });
    expect(code).toBe('VGG_BACKEND');
    expect(message).not.toContain('\n');
    const start = `the engine onednn has no binary that runs here (VGG_ONEDNN_BUILD=${folder}: `;
    expect(message.startsWith(start) && message.endsWith(`)${REMEDY}`)).toBe(true);
    expect(message.slice(start.length, -REMEDY.length - 1).replace(`${folder}/onednn.node: `, '')).toMatch(why);
  });

  it.skipIf(!isBuilt)(`is for another processor${reason}`, () => {
    expect(attempt({ VGG_ONEDNN_BUILD: place('given', FOREIGN) }).message).toMatch(/cannot open shared object|ELF/);
  });

  it('has a damaged manifest', () => {
    const folder = place('given', 'hello');
    writeFileSync(join(folder, 'onednn.json'), '{}');
    expect(attempt({ VGG_ONEDNN_BUILD: folder }).message).toContain('onednn.json is damaged');
  });
});

describe('the binary is searched for', () => {
  it('only there, and if nothing is installed the message only says what to do', () => {
    installPlatformPackage(VERSION);
    expect(attempt({ VGG_ONEDNN_BUILD: '' })).toEqual({
      code: 'VGG_BACKEND',
      message: `the engine onednn has no binary that runs here${REMEDY}`,
    });
  });

  it('in a local build, then in the package for the platform, and the message lists both', () => {
    place(join('build', PLATFORM), 'hello', 'other');
    installPlatformPackage(VERSION);
    expect(attempt({ VGG_ONEDNN_BUILD: '' })).toEqual({
      code: 'VGG_BACKEND',
      message: `the engine onednn has no binary that runs here (${join(program.folder, 'build', PLATFORM)}: onednn.node is damaged (wrong checksum); @vgg/backend-onednn-${PLATFORM}: no binary there)${REMEDY}`,
    });
  });

  it.skipIf(!isBuilt)(`in the package for the platform if the local build is damaged${reason}`, () => {
    place(join('build', PLATFORM), 'hello', 'other');
    cpSync(BUILD_FOLDER, installPlatformPackage(VERSION), { recursive: true });
    expect(attempt({ VGG_ONEDNN_BUILD: '' }).oneDnnVersion).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('in a package of the same version only', () => {
    installPlatformPackage('0.1.0');
    expect(attempt({ VGG_ONEDNN_BUILD: '' }).message).toContain('its version is 0.1.0, expected 1.2.3');
  });
});

describe('the build script', () => {
  it('prints in one line what is missing, and succeeds with --if-possible', () => {
    const script = fileURLToPath(new URL('../scripts/build-native.mjs', import.meta.url));
    const environment = { ...process.env, CXX: 'no-such-compiler' };
    const output = execFileSync(process.execPath, [script, '--if-possible'], { encoding: 'utf8', env: environment });
    expect(output).toMatch(/^@vgg\/backend-onednn: no C\+\+ compiler .*: apt-get install g\+\+ libdnnl-dev\n$/);
    expect(spawnSync(process.execPath, [script], { env: environment }).status).toBe(1);
  });
});
