/** `npm start`: sets everything up, then runs the trainer with the arguments given (`npm start -- train --data …`). */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, setUp } from './setup.mjs';

setUp();
await import(pathToFileURL(join(ROOT, 'apps', 'trainer', 'dist', 'cli.js')).href);
