#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kept programs reach each request type, feature bit, offence, register and op there is (fuzz/reach.h); and who leaves out a
# program that nothing stands in for, or plants a thing that nobody reaches, is told what is missing, by name.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=reach-
. tests/report.sh

types=(blk rng net console)
fuzz/seeds.sh || exit 1
build/plain/reach "${types[@]/#/build/corpus/}" || failures=1
cp -r build/corpus "$work/corpus"
build/plain/reach --list "${types[@]/#/build/corpus/}" >"$work/all"

# For each type of device: the first thing that one program alone reaches, without that program.
for type in "${types[@]}"; do
	IFS=$'\t' read -r what program < <(sed -n "s|^ *1 \(.*\tbuild/corpus/$type/.*\)|\1|p" "$work/all" | head -n 1)
	[ -n "${program:-}" ] || { fail "canary-$type" "each thing is reached twice"; continue; }
	mv "$work/corpus/$type/$(basename "$program")" "$work/left-out"
	out=$(build/plain/reach "${types[@]/#/$work/corpus/}") && status=0 || status=$?
	mv "$work/left-out" "$work/corpus/$type/$(basename "$program")"
	if [ $status = 1 ] && grep -qxF "FAIL reach: no kept program reaches: $what" <<<"$out"; then
		pass "canary-$type ($what: only by $(basename "$program"))"
	else
		fail "canary-$type" "without $program nobody misses: $what"
	fi
done
mkdir "$work/rng"
out=$(build/plain/reach "$work/rng") && status=0 || status=$?
if [ $status = 1 ] && [ "$(grep -c '^FAIL reach: no kept program reaches: ' <<<"$out")" = "$(wc -l <"$work/all")" ]; then
	pass "empty-corpus ($(wc -l <"$work/all") things are missing)"
else
	fail empty-corpus "status $status, $(wc -l <<<"$out") lines"
fi
refused_by no-such-type 'no type of device is called' build/plain/reach "$work"
exit $failures
