/** Serves the page that `scripts/build.mjs` built. */
import { fileURLToPath } from 'node:url';
import { preview } from 'vite';
import { ISOLATION } from './isolation.mjs';

const server = await preview({
  root: fileURLToPath(new URL('..', import.meta.url)),
  configFile: false,
  preview: { headers: ISOLATION },
});
server.printUrls();
