/** Says why tests are skipped, where people see it. */
import { isBuilt, reason } from './native-build';

export default function setup(): void {
  if (!isBuilt) process.stderr.write(`@vgg/backend-onednn: tests of the addon are left out${reason}\n`);
}
