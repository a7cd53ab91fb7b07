/** Prints to the terminal why tests are skipped. */
import { isBuilt, reason } from './native-build';

export default function setup(): void {
  if (!isBuilt) process.stderr.write(`@vgg/backend-onednn: tests of the addon are skipped${reason}\n`);
}
