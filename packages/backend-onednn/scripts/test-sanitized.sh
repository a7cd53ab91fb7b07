#!/usr/bin/env bash
# Runs this package's tests on an addon built with the address and undefined-behaviour sanitizers. Leaks are not checked,
# because Node itself does not free all memory at exit. Arguments go to vitest, for example test/device.test.ts.
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/build-native.mjs --sanitize
platform=$(node -p '`${process.platform}-${process.arch}`')
export VGG_ONEDNN_BUILD="$PWD/build/$platform-sanitized"
export LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec node ../../node_modules/vitest/vitest.mjs run "${@:-test}"
