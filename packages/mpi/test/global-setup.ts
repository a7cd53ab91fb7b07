/** Says why tests are skipped, where people see it. */
import { LAUNCHERS, reason } from './mpi';

export default function setup(): void {
  if (LAUNCHERS.length === 0) process.stderr.write(`@vgg/mpi: tests on several processes are left out${reason}\n`);
}
