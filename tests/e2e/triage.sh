#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# From a fuzzer's crash file to a test: libFuzzer and AFL++ find the bug of fuzz_canary, `ringside triage` makes a C test of what each
# wrote, and that fails where the bug is and passes where it is not. Prints `PASS name` or `FAIL name: why`.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=triage-
. tests/report.sh

# `ringside` with the bug, and the bug alone, for a test to be linked with.
make -s build/plain/ringside build/plain/fuzz/fuzz_canary.o || exit 1
# shellcheck disable=SC2054
bug=(-Wl,--wrap=blk_io_done build/plain/fuzz/fuzz_canary.o "$work/no_target.o")
echo 'void target_run(unsigned short id, const unsigned char *p, unsigned long n); void target_run(unsigned short id, const unsigned char *p, unsigned long n) { (void)id; (void)p; (void)n; }' |
	gcc -x c -c - -o "$work/no_target.o"
gcc "${bug[@]}" build/plain/sim-frontend/main.o build/plain/libsim.a build/plain/libcore.a -lzstd -lz -o "$work/ringside" || exit 1

for engine in libfuzzer afl; do
	rm -rf build/grown/canary build/finds/canary
	AFL_BENCH_UNTIL_CRASH=1 fuzz/run.sh $engine canary 60 >"$work/out" 2>&1
	status=$?
	find=$(sed -n 's/^  program  *\([^ ]*\) .*/\1/p' "$work/out")
	if [ $status != 1 ] || [ ! -s "$find" ]; then
		fail $engine-finds "status $status: $(tail -n 3 "$work/out" | tr '\n' ' ')"
		continue
	fi
	"$work/ringside" triage --device blk "$find" -o "$work/$engine" >"$work/out" 2>&1
	status=$?
	test=$(find "$work/$engine" -name shrunk.c 2>/dev/null)
	if [ $status != 1 ] || [ ! -s "$test" ]; then
		fail $engine-triage "status $status: $(tail -n 3 "$work/out" | tr '\n' ' ')"
		continue
	fi
	pass "$engine-triage ($(sed -n 's/^\([0-9][^ ]*\) .*/\1/p' "$work/out" | tail -n 1))"
	libs=(-std=gnu11 -I. -Icore -Isim-frontend "$test" build/plain/libsim.a build/plain/libcore.a -lcmocka -lzstd)
	gcc "${bug[@]}" "${libs[@]}" -o "$work/with" && gcc "${libs[@]}" -o "$work/without" || exit 1
	if "$work/with" >"$work/out" 2>&1; then fail $engine-fails-with-the-bug "it passes"; else pass $engine-fails-with-the-bug; fi
	if "$work/without" >"$work/out" 2>&1; then pass $engine-passes-without; else fail $engine-passes-without "$(tail -n 3 "$work/out" | tr '\n' ' ')"; fi
done
exit $failures
