/** Loads every entry of the installed packages in both module systems: each loads, and exports the same names in both. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const scope = new URL('node_modules/@vgg/', import.meta.url);
/** Packages that are left out: without its binary the native engine cannot be loaded. */
const without = process.argv.includes('--without-onednn') ? ['backend-onednn'] : [];
const names = (module) => Object.keys(module).sort().join();

for (const name of readdirSync(scope).filter((folder) => !without.includes(folder))) {
  const { exports = {} } = JSON.parse(readFileSync(new URL(`${name}/package.json`, scope), 'utf8'));
  for (const path of Object.keys(exports).filter((path) => path !== './package.json')) {
    const specifier = `@vgg/${name}${path.slice(1)}`;
    const [esm, cjs] = [names(await import(specifier)), names(require(specifier))];
    if (esm === '' || esm !== cjs) throw new Error(`${specifier}: import gives ${esm}, require gives ${cjs}`);
  }
}
