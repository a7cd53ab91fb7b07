/** `npm start`: sets everything up, then runs the trainer with the arguments given (`npm start -- train --data …`). */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, setUp } from './setup.mjs';

/** MPI is installed only for a run on several processes. */
const ranks = process.argv.some((word) => /^--ranks(=|$)/.test(word));
setUp({ mpi: ranks ? 'run' : undefined });
await import(pathToFileURL(join(ROOT, 'apps', 'trainer', 'dist', 'cli.js')).href);
