/** Fails unless the whole installation holds one copy of tfjs-core. */
import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const found = new Set();

function search(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (path.endsWith(join('@tensorflow', 'tfjs-core'))) found.add(realpathSync(path));
    else search(path);
  }
}

search('node_modules');
for (const direct of readdirSync('node_modules/@tensorflow')) {
  if (direct === 'tfjs-core') found.add(realpathSync(join('node_modules/@tensorflow', direct)));
}
if (found.size !== 1) throw new Error(`expected one copy of tfjs-core, got ${[...found].join(', ') || 'none'}`);
