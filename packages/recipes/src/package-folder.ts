/** The folder of this package, seen from `src/` and from `dist/` alike: both lie directly in it. */
export const PACKAGE_FOLDER = new URL('../', import.meta.url);
