#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make test: everything but the guest's boot. Prints `PASS name` or `FAIL name: why` for each check, and a sum at the end.
#   plain, asan   all unit tests, under gcc without and with ASan+UBSan
#   clang, msan   the programs that replay the kept traces and the corpus (MSan: no uninitialised byte reaches a guest)
set -u
cd "$(dirname "$0")/.." || exit 1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
jobs=$(nproc)
start=$SECONDS

build() { # build FLAVOUR TARGET...
	echo "test: building $1 ..."
	if ! make -s -j"$jobs" FLAVOUR="$1" "${@:2}"; then
		echo "FAIL build-$1: see the compiler's message above" | tee -a "$log"
		exit 1
	fi
}
run() { # run COMMAND...: its PASS and FAIL lines count; a command that fails without a FAIL line is one
	local before status=0
	before=$(grep -c '^FAIL ' "$log")
	"$@" 2>&1 </dev/null | tee -a "$log"
	status=${PIPESTATUS[0]}
	if [ "$status" != 0 ] && [ "$(grep -c '^FAIL ' "$log")" = "$before" ]; then
		echo "FAIL $(basename "$1"): status $status" | tee -a "$log"
	fi
}

build plain all units corpus-player build/plain/reach
build asan all units corpus-player
build clang build/clang/ringside corpus-player
build msan build/msan/ringside core-units corpus-player
for flavour in plain asan msan; do
	mapfile -t regress < <(find build/$flavour/tests/regress -type f -executable)
	run tests/run-unit.sh "$flavour" build/$flavour/tests/test_*
	run tests/run-unit.sh "$flavour-regress" "${regress[@]}"
done
run tests/check-core.sh build/{plain,clang,asan,msan}/libcore.a
for check in includes style clauses canary; do
	run tests/check-$check.sh
done
for script in tests/e2e/*.sh; do
	run "$script"
done
for flavour in plain clang asan msan; do
	run fuzz/play.sh "$flavour"
done

passed=$(grep -c '^PASS ' "$log") failed=$(grep -c '^FAIL ' "$log")
echo "test: $passed passed, $failed failed, $((SECONDS - start)) s"
[ "$failed" = 0 ]
