#!/usr/bin/env bash
# Runs this package's tests on an addon built with the address and undefined-behaviour sanitizers. Leaks are not looked for:
# Node itself leaves memory at its end. Arguments go to vitest: test/device.test.ts, say.
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/build-native.mjs --sanitize
platform=$(node -p '`${process.platform}-${process.arch}`')
export VGG_ONEDNN_BUILD="$PWD/build/$platform-sanitized"
export LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec node ../../node_modules/vitest/vitest.mjs run "${@:-test}"
