#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The fuzz targets as a user starts them: a short run from the kept programs ends with the numbers and no finding; a bug that
# is planted in a copy of the tree is found from an empty corpus within seconds, and told with the program and what to do.
# Prints `PASS name` or `FAIL name: why`.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=fuzz-
. tests/report.sh

for target in device blk rng net console; do
	if fuzz/run.sh libfuzzer $target 3 >"$work/out" 2>&1 && grep -q "^fuzz: no finding in $target" "$work/out" &&
		grep -qE '^fuzz: [0-9]+ runs, [0-9]+ runs/s, [0-9.]+ requests/run, [0-9.]+ ops/run' "$work/out"; then
		pass "short-$target: $(grep -oE '[0-9]+ runs/s, [0-9.]+ requests/run' "$work/out" | tail -n 1)"
	else
		fail "short-$target" "$(tail -n 3 "$work/out" | tr '\n' ' ')"
	fi
done
out=$(fuzz/run.sh libfuzzer nothing 1 2>&1)
if [ $? = 2 ] && grep -q 'no target nothing' <<<"$out"; then pass unknown-target; else fail unknown-target "$out"; fi
out=$(RING=packed fuzz/run.sh libfuzzer device 1 2>&1)
if [ $? = 2 ] && grep -q 'first byte of each input' <<<"$out"; then pass ring-of-device; else fail ring-of-device "$out"; fi
out=$(fuzz/run.sh libfuzzer blk soon 2>&1)
if [ $? = 2 ] && grep -q 'number of seconds' <<<"$out"; then pass bad-seconds; else fail bad-seconds "$out"; fi
out=$(JOBS=none fuzz/run.sh libfuzzer blk 1 2>&1)
if [ $? = 2 ] && grep -q 'number of fuzzers' <<<"$out"; then pass bad-jobs; else fail bad-jobs "$out"; fi
if JOBS=2 fuzz/run.sh libfuzzer blk 3 >"$work/out" 2>&1 && grep -qE '^fuzz: job 2: [0-9]+ runs, ' "$work/out"; then
	pass two-jobs
else
	fail two-jobs "$(tail -n 3 "$work/out" | tr '\n' ' ')"
fi

# A late completion writes into memory that the guest has back: an oracle's find, not a crash.
mkdir -p "$work/tree/build/plain"
cp -r Makefile core sim-frontend fuzz corpus "$work/tree/"
cp build/plain/ringside "$work/tree/build/plain/"
sed -i 's/used_len(r->write_len, stored)/used_len(r->write_len, io->len ? r->write_len - 1 : 0)/' "$work/tree/core/devices/blk.c"
if cmp -s core/devices/blk.c "$work/tree/core/devices/blk.c"; then
	fail planted "the bug does not apply to blk.c any more"
else
	rm -f "$work"/tree/corpus/blk/*.txt
	cp corpus/blk/write-read.txt "$work/tree/corpus/blk/"
	touch "$work/tree/build/plain/ringside"
	"$work/tree/fuzz/run.sh" libfuzzer blk 60 >"$work/out" 2>&1
	status=$?
	find=$(sed -n 's/^  program  *\([^ ]*\) .*/\1/p' "$work/out")
	if [ $status = 1 ] && grep -q '^fuzz: FOUND in blk: ORACLE used-ring' "$work/out" && [ -s "$work/tree/$find" ]; then
		pass "planted: $(grep -oE 'ORACLE used-ring[^:]*' "$work/out" | head -n 1)"
	else
		fail planted "status $status: $(tail -n 3 "$work/out" | tr '\n' ' ')"
	fi
fi
exit $failures
