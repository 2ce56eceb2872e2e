#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/play.sh FLAVOUR: runs the kept programs through the fuzz targets of a flavour, no fuzzer around them: the corpus is a test.
# Each program runs twice and must end in the same state. Prints `PASS corpus/blk (N programs)` or `FAIL ...`.
set -u
cd "$(dirname "$0")/.." || exit 1
flavour=${1:-plain}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
if ! fuzz/seeds.sh; then
	echo "FAIL corpus: the seeds do not assemble"
	exit 1
fi
for seeds in build/corpus/*/; do
	kind=$(basename "$seeds")
	player=build/$flavour/replay_$kind
	if [ ! -x "$player" ]; then
		echo "FAIL corpus/$kind-$flavour: no $player: make FLAVOUR=$flavour corpus-player"
		status=1
	elif "$player" "build/corpus/$kind" >"$out" 2>&1; then
		sed "s|^PASS build/corpus/$kind|PASS corpus/$kind-$flavour|" "$out"
	else
		echo "FAIL corpus/$kind-$flavour: $(grep -m1 -E 'ORACLE|ERROR|runtime error|different' "$out" || tail -n 1 "$out")"
		sed 's/^/    /' "$out" >&2
		status=1
	fi
done
exit $status
