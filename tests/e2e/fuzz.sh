#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The fuzz targets as a user starts them: a short run from the kept programs ends with the numbers and no finding; a bug that
# is planted is found from an empty corpus within seconds, and told with the program and what to do. Always from the same seed: what
# is new is looked for elsewhere.
# Prints `PASS name` or `FAIL name: why`.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=fuzz-
. tests/report.sh

for target in device blk rng net console; do
	if OPTIONS=-seed=1 fuzz/run.sh libfuzzer $target 3 >"$work/out" 2>&1 && grep -q "^fuzz: no finding in $target" "$work/out" &&
		grep -qE '^fuzz: [0-9]+ runs, [0-9]+ runs/s, [0-9.]+ requests/run, [0-9.]+ ops/run' "$work/out"; then
		pass "short-$target: $(grep -oE '[0-9]+ runs/s, [0-9.]+ requests/run' "$work/out" | tail -n 1)"
	else
		fail "short-$target" "$(tail -n 3 "$work/out" | tr '\n' ' ')"
	fi
done
if OPTIONS=-seed=1 fuzz/run.sh libfuzzer differential 3 >"$work/out" 2>&1 && grep -qE '^fuzz: [0-9]+ runs, ' "$work/out"; then
	pass "short-differential: $(grep -oE '[0-9]+ runs/s' "$work/out" | tail -n 1)"
else
	fail short-differential "$(tail -n 3 "$work/out" | tr '\n' ' ')"
fi
out=$(fuzz/run.sh libfuzzer nothing 1 2>&1)
if [ $? = 2 ] && grep -q 'no target nothing' <<<"$out"; then pass unknown-target; else fail unknown-target "$out"; fi
out=$(RING=packed fuzz/run.sh libfuzzer device 1 2>&1)
if [ $? = 2 ] && grep -q 'first byte of each input' <<<"$out"; then pass ring-of-device; else fail ring-of-device "$out"; fi
out=$(fuzz/run.sh libfuzzer blk soon 2>&1)
if [ $? = 2 ] && grep -q 'number of seconds' <<<"$out"; then pass bad-seconds; else fail bad-seconds "$out"; fi
out=$(JOBS=none fuzz/run.sh libfuzzer blk 1 2>&1)
if [ $? = 2 ] && grep -q 'number of fuzzers' <<<"$out"; then pass bad-jobs; else fail bad-jobs "$out"; fi
if OPTIONS=-seed=1 JOBS=2 fuzz/run.sh libfuzzer blk 3 >"$work/out" 2>&1 && grep -qE '^fuzz: job 2: [0-9]+ runs, ' "$work/out"; then
	pass two-jobs
else
	fail two-jobs "$(tail -n 3 "$work/out" | tr '\n' ' ')"
fi

# fuzz_canary has a bug (fuzz/fuzz_canary.c), which is found within seconds from nothing; fuzz_blk, which is the same without it, has none.
rm -rf build/grown/canary build/finds/canary
fuzz/run.sh libfuzzer canary 10 >"$work/out" 2>&1
status=$?
find=$(sed -n 's/^  program  *\([^ ]*\) .*/\1/p' "$work/out")
if [ $status = 1 ] && grep -q '^fuzz: FOUND in canary: ORACLE backend: .* the status is OK' "$work/out" && [ -s "$find" ]; then
	pass "canary: $(tail -n 20 build/finds/canary.log | grep -aoE '^report: [0-9]+ runs' || echo 'before the first report')"
else
	fail canary "status $status: $(tail -n 3 "$work/out" | tr '\n' ' ')"
fi
mkdir "$work/empty"
if make -s FLAVOUR=fuzz build/fuzz/fuzz_blk && build/fuzz/fuzz_blk -max_total_time=3 -max_len=96 -len_control=0 -detect_leaks=0 -artifact_prefix="$work/" "$work/empty" >"$work/out" 2>&1 &&
	{ [ -z "$find" ] || build/fuzz/fuzz_blk "$find" >>"$work/out" 2>&1; }; then
	pass without-canary
else
	fail without-canary "$(grep -aE 'ORACLE|ERROR' "$work/out" | head -n 1)"
fi
exit $failures
