/** Checks if the addon was built here. Without a compiler or oneDNN its tests are skipped with a reason. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BUILD_FOLDER =
  process.env.VGG_ONEDNN_BUILD ??
  fileURLToPath(new URL(`../build/${process.platform}-${process.arch}`, import.meta.url));

export const isBuilt = existsSync(join(BUILD_FOLDER, 'onednn.node'));

/** Part of the name of skipped tests. */
export const reason = isBuilt
  ? ''
  : ' (skipped: the addon is not built, install g++ and libdnnl-dev and run build:native)';
