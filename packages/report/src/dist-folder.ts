/** Folder of the build. `src/` and `dist/` both lie directly in the package, so this holds for sources and for the build. */
export const DIST_FOLDER = new URL('../dist/', import.meta.url);
