/** The words that start the trainer, for messages. */

/** True if npm installed the trainer; false in the repository. */
const isInstalled = /[\\/]node_modules[\\/]/.test(decodeURI(import.meta.url));

/** Name of the program in its help. */
export const PROGRAM = isInstalled ? 'vgg' : 'trainer';

/** Command that starts the trainer. */
export const COMMAND = isInstalled ? 'npx vgg' : 'pnpm --filter trainer start';

/** Same, with nothing but the trainer's own output on stdout. */
export const SILENT_COMMAND = isInstalled ? 'npx vgg' : 'pnpm --silent --filter trainer start';
