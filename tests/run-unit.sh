#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run-unit.sh PROGRAM...: runs cmocka programs (build/FLAVOUR/tests/NAME), as many at a time as there are processors. For each a line
# `PASS unit-FLAVOUR/NAME (N tests)` or `FAIL unit-FLAVOUR/NAME: why`, a failing one's output behind it. Status 0: none failed.
# Tests that this place has no means for are no passed ones: they are told with it, or in a line `SKIP NAME: why` where they are all.
set -u
# What is used after it was freed ASan tells; MSan need not fill all that is.
export MSAN_OPTIONS=${MSAN_OPTIONS:-poison_in_free=0}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

one() {
	local name out status=0 good bad skipped why
	name=${1#build/}
	name=unit-${name/\/tests\///}
	out=$(timeout 300 "$1" 2>&1) || status=$?
	good=$(grep -ac '^\[       OK \]' <<<"$out")
	skipped=$(grep -a '^\[  SKIPPED \] [^0-9]' <<<"$out" | grep -av 'test(s)' | sort -u | wc -l)
	why=$(sed -n 's/^skipped: //p' <<<"$out" | head -n 1)
	bad=$(grep -a '^\[  FAILED  \]' <<<"$out" | grep -av 'test(s)' | sed 's/^\[  FAILED  \] //' | sort -u | paste -sd' ')
	if [ "$status" = 0 ] && [ "$good" -gt 0 ] && [ -z "$bad" ]; then
		echo "PASS $name ($good tests$([ "$skipped" = 0 ] || echo "; $skipped skipped: $why"))"
	elif [ "$status" = 0 ] && [ "$skipped" -gt 0 ] && [ -z "$bad" ]; then
		echo "SKIP $name: $why"
	else
		echo "FAIL $name: status $status, $good tests passed${bad:+, failed: $bad}"
		tail -n 40 <<<"$out" | sed 's/^/    /'
	fi
}
export -f one
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' one | {
	failed=0
	while IFS= read -r line; do
		echo "$line"
		case $line in FAIL\ *) failed=1 ;; esac
	done
	exit $failed
}
