#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# keep.sh [TRACE [NAME]]: keeps a boot's trace as corpus/traces/NAME.vtrace. Without words it is the latest make boot-test's recorded
# boot, on packed rings, as debian-boot-packed. Kept as debian-boot (split rings: packed=off for each device in inside/boot.sh) the
# seeds corpus/{blk,rng}/boot-*.txt are lifted from it anew, too. For when the trace format or the recorded devices change.
set -eu
cd "$(dirname "$0")/../.."
trace=${1:-build/boot/out/boot.vtrace} name=${2:-debian-boot-packed}
ringside=build/plain/ringside
[ -s "$trace" ] || { echo "keep.sh: $trace is not there; run make boot-test first" >&2; exit 1; }
$ringside replay "$trace"
mkdir -p corpus/traces
kept=corpus/traces/$name.vtrace
[ "$trace" -ef "$kept" ] || cp "$trace" "$kept"
chmod 644 "$kept"
[ "$name" = debian-boot ] || exit 0
rm -f corpus/{blk,rng}/boot-*.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
$ringside show "$trace" | sed -n 's/^device \([a-z]*\)\([0-9]*\) .*/\1 \2/p' | while read -r type number; do
	cp "$trace" "$work/boot-$number.vtrace"
	$ringside lift "$work/boot-$number.vtrace" --device "$number" -o "corpus/$type"
done
