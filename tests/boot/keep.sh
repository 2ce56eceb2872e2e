#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# keep.sh [TRACE]: makes the kept boot trace and the seeds lifted from it anew, from the latest make boot-test (or from TRACE):
# corpus/traces/debian-boot.vtrace, corpus/{blk,rng}/boot-*.txt. For when the trace format or the recorded devices change.
set -eu
cd "$(dirname "$0")/../.."
trace=${1:-build/boot/out/boot.vtrace}
ringside=build/plain/ringside
[ -s "$trace" ] || { echo "keep.sh: $trace is not there; run make boot-test first" >&2; exit 1; }
$ringside replay "$trace"
mkdir -p corpus/traces
[ "$trace" -ef corpus/traces/debian-boot.vtrace ] || cp "$trace" corpus/traces/debian-boot.vtrace
rm -f corpus/{blk,rng}/boot-*.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
$ringside show "$trace" | sed -n 's/^device \([a-z]*\)\([0-9]*\) .*/\1 \2/p' | while read -r type number; do
	cp "$trace" "$work/boot-$number.vtrace"
	$ringside lift "$work/boot-$number.vtrace" --device "$number" -o "corpus/$type"
done
