#!/usr/bin/env bash
# Runs this package's tests on an addon built with the thread sanitizer. GCC's OpenMP does not show the sanitizer when a team's threads
# wait for each other. LLVM's does so through its tool Archer, and takes the place of GCC's by the same symbols, for oneDNN, too.
# Needs libomp-14-dev of Debian, or OPENMP=folder of libomp.so.5 and libarcher.so. Arguments go to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/build-native.mjs --sanitize=thread
platform=$(node -p '`${process.platform}-${process.arch}`')
openmp=${OPENMP:-/usr/lib/llvm-14/lib}
export VGG_ONEDNN_BUILD="$PWD/build/$platform-thread-sanitized"
export OMP_TOOL_LIBRARIES="$openmp/libarcher.so"
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 exitcode=0 log_path=$PWD/build/thread-sanitizer ${TSAN_OPTIONS:-}"
rm -f build/thread-sanitizer.*
# setarch: the sanitizer does not know the addresses that Linux 6 chooses at random.
status=0
LD_PRELOAD="$(g++ -print-file-name=libtsan.so) $openmp/libomp.so.5" \
  setarch --addr-no-randomize node ../../node_modules/vitest/vitest.mjs run "${@:-test}" || status=$?
if compgen -G 'build/thread-sanitizer.*' > /dev/null; then
  cat build/thread-sanitizer.*
  exit 1
fi
exit "$status"
